"""Tables in files: `.npz` or `.json`, with a schema version, never pickles.

A file holds a header (what kind of table, over which space) and one flat vector of values in reading order.
Writing goes to a temporary file beside the target, which then takes its place: an interrupted write leaves the
old file whole.
"""

import json
import math
import os
import tempfile
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import expect
from tabular_bellman.space import DEFAULT_MAX_BYTES, SequenceSpace

__all__ = ["SCHEMA_VERSION", "read", "write"]

SCHEMA_VERSION: Final = 1
"""Of the files; one of another version is refused."""

_FORMAT: Final = "tabular_bellman.table"
_SUFFIXES: Final = (".npz", ".json")


def write(path: str | os.PathLike[str], kind: str, space: SequenceSpace, values: FloatArray) -> None:
    """Write one table; `values` is flat, in reading order."""
    expect((str, os.PathLike), path, "the path")
    path = Path(path)
    suffix = _suffix(path)
    header = {
        "format": _FORMAT,
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "space": {
            "vocab": [_encode("token", token) for token in space.vocab],
            "prompts": [_encode("prompt", prompt) for prompt in space.prompts],
            "min_length": space.min_length,
            "max_length": space.max_length,
            "has_eos": space.has_eos,
        },
    }
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise TabularBellmanError(f"cannot write {path}: {error.strerror}.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            if suffix == ".npz":
                np.savez(file, header=np.array(json.dumps(header)), values=values)
            else:
                encoded = [value if math.isfinite(value) else "-inf" for value in values.tolist()]
                file.write((json.dumps(header | {"values": encoded}, allow_nan=False) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # mkstemp makes files that nobody else can read
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise TabularBellmanError(f"cannot write {path}: {error.strerror}.") from error
        raise


def read(
    path: str | os.PathLike[str], kind: str | None = None, max_bytes: int = DEFAULT_MAX_BYTES
) -> tuple[str, SequenceSpace, FloatArray]:
    """Return (kind, space, flat values) of a file that `write` wrote; refuse another `kind` where one is given."""
    expect((str, os.PathLike), path, "the path")
    path = Path(path)
    load = _load_npz if _suffix(path) == ".npz" else _load_json
    try:
        with path.open("rb") as file:
            return load(path, file, lambda header: _checked(path, header, kind, max_bytes))
    except FileNotFoundError:
        raise TabularBellmanError(f"{path}: no such file.") from None
    except OSError as error:
        raise TabularBellmanError(f"cannot read {path}: {error.strerror or error}.") from error
    except TabularBellmanError:
        raise
    except Exception as error:  # a damaged file can make a decoder raise anything
        why = f"truncated, pickled, or not written by save(): {type(error).__name__}"
        raise _damaged(path, why) from error


_Checked = tuple[str, SequenceSpace]


def _load_npz(path: Path, file: IO[bytes], check: Callable[[Any], _Checked]) -> tuple[str, SequenceSpace, FloatArray]:
    archive = np.load(file, allow_pickle=False)
    if isinstance(archive, np.ndarray):
        raise _damaged(path, "it is a bare array, not an archive")
    header = json.loads(str(archive["header"]))
    kind, space = check(header)
    # Before the values are read: what the archive says of their size must be what the space says.
    expected, found = 8 * _n_values(kind, space), archive.zip.getinfo("values.npy").file_size
    if not expected <= found <= expected + 1024:
        raise _damaged(path, f"its values take {found:,} bytes; {space!r} needs {expected:,}")
    values = archive["values"]
    if values.dtype != np.float64 or values.ndim != 1:
        raise _damaged(path, f"its values have dtype {values.dtype} and shape {values.shape}")
    return kind, space, values


def _load_json(path: Path, file: IO[bytes], check: Callable[[Any], _Checked]) -> tuple[str, SequenceSpace, FloatArray]:
    document = json.loads(file.read().decode("utf-8"))
    kind, space = check(document)
    values = document.get("values")
    if not isinstance(values, list):
        raise _damaged(path, "it has no list of values")
    for i, value in enumerate(values):
        if type(value) not in (int, float) or not math.isfinite(value):
            if value != "-inf":
                raise _damaged(path, f"value {i} is {value!r}, neither a finite number nor '-inf'")
            values[i] = -math.inf
    return kind, space, np.array(values, dtype=np.float64)


def _checked(path: Path, header: Any, kind: str | None, max_bytes: int) -> _Checked:
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise TabularBellmanError(f"{path} is not a table of this package (its format is not {_FORMAT!r}).")
    version = header.get("schema_version")
    if version != SCHEMA_VERSION:
        raise TabularBellmanError(
            f"{path} has schema version {version!r}; this release reads version {SCHEMA_VERSION}. "
            "Upgrade tabular_bellman, or save the table again with this release."
        )
    found = header.get("kind")
    if found not in ("state_action", "state") or (kind is not None and found != kind):
        names = {"state": "a StateTable (values)", "state_action": "a StateActionTable (rewards or logits)"}
        holds, wanted = (names.get(str(x), f"a table of kind {x!r}") for x in (found, kind))
        raise TabularBellmanError(f"{path} holds {holds}{f', not {wanted}' if kind else ', which is not known here'}.")
    space = _space(path, header.get("space"), max_bytes)
    space.check_budget(f"{path}: a table", _n_values(found, space))
    return found, space


def _n_values(kind: str, space: SequenceSpace) -> int:
    return space.n_pairs if kind == "state_action" else space.n_prefixes


def _space(path: Path, header: Any, max_bytes: int) -> SequenceSpace:
    types = {"vocab": list, "prompts": list, "min_length": int, "max_length": int, "has_eos": bool}
    if not isinstance(header, dict) or any(type(header.get(name)) is not kind for name, kind in types.items()):
        raise _damaged(path, "its space cannot be read")
    vocab, prompts = (tuple(map(_decode, header[name])) for name in ("vocab", "prompts"))
    if not header["has_eos"]:
        return SequenceSpace.fixed_length(vocab, header["max_length"], prompts, max_bytes=max_bytes)
    lengths = {name: header[name] for name in ("max_length", "min_length")}
    return SequenceSpace(vocab, **lengths, prompts=prompts, max_bytes=max_bytes)


def _encode(kind: str, value: Hashable) -> object:
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is tuple:
        return [_encode(kind, part) for part in value]
    raise TabularBellmanError(
        f"cannot save the {kind} {value!r} of type {type(value).__name__}: files hold tokens and prompts that are "
        "None, bool, int, finite float, str or tuples of these. Rename it before saving."
    )


def _decode(value: Any) -> Hashable:
    return tuple(map(_decode, value)) if isinstance(value, list) else value


def _suffix(path: Path) -> str:
    if "\0" in str(path):
        raise TabularBellmanError(f"{str(path)!r} is no file name.")
    if path.suffix not in _SUFFIXES:
        raise TabularBellmanError(f"{path}: a table is saved as {' or '.join(_SUFFIXES)}, by its ending.")
    return path.suffix


def _damaged(path: Path, why: str) -> TabularBellmanError:
    return TabularBellmanError(f"{path} cannot be read as a table ({why}). Save it again, or use another copy.")
