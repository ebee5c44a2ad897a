"""Terms as they are written."""

from fractions import Fraction

from proofs_check.induction.terms import At, Given, Log, Number, Power, Product, Sum, Term, Total
from proofs_check.induction.theory import Theory

__all__ = ["written"]

_ADDITION, _PRODUCT, _ATOM = range(3)


def written(term: Term, theory: Theory) -> str:
    """Return a term as it is written."""
    return _written(term, theory)[0]


def _written(term: Term, theory: Theory) -> tuple[str, int]:
    """Return a term, and what it is as part of another."""
    match term:
        case Number(value):
            return str(value), _ATOM if value >= 0 and value.denominator == 1 else _PRODUCT
        case At():
            return _place(term, theory), _ATOM
        case Given(fact, prefix, _, _):
            return f"[{fact}{f' at s·{prefix}' if prefix else ''}]", _ATOM
        case Log(argument):
            inside, _ = _written(argument, theory)
            if isinstance(argument, At) and inside.startswith("e^"):
                return inside[2:], _ATOM
            return (f"log {inside}", _PRODUCT) if isinstance(argument, At | Total) else (f"log({inside})", _ATOM)
        case Total(prefix, bound, body):
            index = bound if prefix is None else f"{{{bound}∈Y({'s·' + prefix if prefix else 's'})}}"
            return f"Σ_{index} {_within(body, theory, _PRODUCT)}", _PRODUCT
        case Power(base, -1):
            return f"1 / {_within(base, theory, _ATOM)}", _PRODUCT
        case Power(base, exponent):
            return f"{_within(base, theory, _ATOM)}^{exponent}", _ATOM
        case Sum(terms) if terms:
            return _added(terms, theory), _ADDITION
        case Product((factor,)):
            return _written(factor, theory)
        case Product(factors):
            return _multiplied(factors, theory)
        case _:
            return "0", _ATOM


def _within(term: Term, theory: Theory, level: int) -> str:
    text, own = _written(term, theory)
    return text if own >= level else f"({text})"


def _added(terms: tuple[Term, ...], theory: Theory) -> str:
    text = ""
    for term in terms:
        negative, size = _split(term)
        inside = _within(size, theory, _PRODUCT)
        text += (f" {'-' if negative else '+'} " if text else "-" if negative else "") + inside
    return text


def _split(term: Term) -> tuple[bool, Term]:
    """Return whether a term has a minus in front, and what is behind."""
    match term:
        case Product((Number(value), *rest)) if value < 0:
            return True, Product(tuple(rest) if value == -1 and rest else (Number(-value), *rest))
        case Number(value) if value < 0:
            return True, Number(-value)
        case _:
            return False, term


def _multiplied(factors: tuple[Term, ...], theory: Theory) -> tuple[str, int]:
    negative, size = _split(Product(factors))
    if negative:
        return f"-{_within(size, theory, _PRODUCT)}", _ADDITION
    over = [factor.base for factor in factors if isinstance(factor, Power) and factor.exponent == -1]
    top = [factor for factor in factors if not (isinstance(factor, Power) and factor.exponent == -1)]
    # A Σ reaches to the end of its product, so it comes last, and alone.
    sums = [factor for factor in top if isinstance(factor, Total)]
    plain = [factor for factor in top if not isinstance(factor, Total | Number) or factor == Number(Fraction(0))]
    numbers = [factor for factor in top if isinstance(factor, Number) and factor != Number(Fraction(0))]
    if len(numbers) == 1 and numbers[0].value == 1 and (plain or sums):
        numbers = []
    words = [_within(factor, theory, _ATOM) for factor in (*numbers, *plain)]
    alone = not over and len(sums) == 1
    # So does a logarithm without parentheses.
    if plain and not sums and isinstance(plain[-1], Log):
        words[-1] = _written(plain[-1], theory)[0]
    words += [_written(factor, theory)[0] if alone else f"({_written(factor, theory)[0]})" for factor in sums]
    text = " ".join(words) or "1"
    if not over:
        return text, _ATOM if len(words) == 1 and not sums else _PRODUCT
    below = (
        _within(over[0], theory, _ATOM) if len(over) == 1 else f"({' '.join(_within(o, theory, _ATOM) for o in over)})"
    )
    return f"{text} / {below}", _PRODUCT


def _place(term: At, theory: Theory) -> str:
    prefix = f"s·{term.prefix}" if term.prefix else "s"
    response = "·".join(term.response) if term.response is not None else ""
    return theory.quantities[term.name].sign.format(s=prefix, a=term.action, y=response)
