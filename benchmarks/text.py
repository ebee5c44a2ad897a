"""Numbers and tables as text; NumPy is not needed."""

from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["number", "seconds", "table", "write_sections"]


def number(x: float) -> str:
    """Return three digits, without an exponent: 1.83, 24.1, 1,234."""
    if x >= 100:
        return f"{x:,.0f}"
    return f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def seconds(x: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if x * factor >= 1.0 or unit == "µs":
            return f"{number(x * factor)} {unit}"
    raise AssertionError


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def write_sections(path: str | Path, sections: dict[str, str]) -> None:
    """Replace what stands between ``<!-- NAME: written by … -->`` and ``<!-- end of NAME -->`` in a page."""
    path = Path(path)
    text = path.read_text(encoding="utf-8")
    for name, section in sections.items():
        before, start, rest = text.partition(f"<!-- {name}: ")
        head, arrow, rest = rest.partition("-->\n")
        _, end, after = rest.partition(f"<!-- end of {name} -->")
        if not (start and arrow and end):
            raise SystemExit(f"{path} has no section {name!r}: <!-- {name}: … --> and <!-- end of {name} -->")
        text = f"{before}{start}{head}{arrow}\n{section.strip()}\n\n{end}{after}"
    path.write_text(text, encoding="utf-8")
