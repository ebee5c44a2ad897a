"""Tables in files: `.npz` or `.json`, with a schema version, never pickles.

A file holds a header (what kind of table, over which space) and one flat vector of values in reading order.
Writing goes to a temporary file beside the target, which then takes its place: an interrupted write leaves the
old file whole.
"""

import json
import math
import os
import tempfile
import zipfile
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Final

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.space import DEFAULT_MAX_BYTES, SequenceSpace

__all__ = ["SCHEMA_VERSION", "read", "write"]

SCHEMA_VERSION: Final = 1
_FORMAT: Final = "tabular_bellman.table"
_SUFFIXES: Final = (".npz", ".json")


def write(path: str | os.PathLike[str], kind: str, space: SequenceSpace, values: FloatArray) -> None:
    """Write one table; `values` is flat, in reading order."""
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
    path = Path(path)
    suffix = _suffix(path)
    try:
        header, values = _read_npz(path) if suffix == ".npz" else _read_json(path)
    except FileNotFoundError:
        raise TabularBellmanError(f"{path}: no such file.") from None
    except OSError as error:
        raise TabularBellmanError(f"cannot read {path}: {error.strerror or error}.") from error
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
        raise TabularBellmanError(f"{path} holds a {found!r} table, not a {kind or 'known'!r} one.")
    try:
        space = _space(header["space"], max_bytes)
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, f"its space cannot be read: {error!r}") from error
    return found, space, values


def _read_npz(path: Path) -> tuple[Any, FloatArray]:
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise _damaged(path, "it is a bare array, not an archive")
            header = json.loads(str(archive["header"]))
            values = archive["values"]
    except (zipfile.BadZipFile, KeyError, EOFError, ValueError) as error:
        if isinstance(error, TabularBellmanError):
            raise
        raise _damaged(path, "truncated, pickled, or not written by save()") from error
    if values.dtype != np.float64 or values.ndim != 1:
        raise _damaged(path, f"its values have dtype {values.dtype} and shape {values.shape}")
    return header, values


def _read_json(path: Path) -> tuple[Any, FloatArray]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(path, f"truncated, or not JSON: {error}") from error
    if not isinstance(document, dict):
        return document, np.empty(0)
    values = document.pop("values", None)
    if not isinstance(values, list):
        values = []
    for i, value in enumerate(values):
        if value == "-inf":
            values[i] = -math.inf
        elif type(value) not in (int, float):
            raise _damaged(path, f"value {i} is {value!r}, neither a number nor '-inf'")
    try:
        return document, np.array(values, dtype=np.float64)
    except OverflowError as error:
        raise _damaged(path, f"a value is too large: {error}") from error


def _space(header: dict[str, Any], max_bytes: int) -> SequenceSpace:
    vocab = tuple(map(_decode, header["vocab"]))
    prompts = tuple(map(_decode, header["prompts"]))
    if header["has_eos"]:
        return SequenceSpace(
            vocab,
            max_length=header["max_length"],
            min_length=header["min_length"],
            prompts=prompts,
            max_bytes=max_bytes,
        )
    return SequenceSpace.fixed_length(vocab, header["max_length"], prompts, max_bytes=max_bytes)


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
    if path.suffix not in _SUFFIXES:
        raise TabularBellmanError(f"{path}: a table is saved as {' or '.join(_SUFFIXES)}, by its ending.")
    return path.suffix


def _damaged(path: Path, why: str) -> TabularBellmanError:
    return TabularBellmanError(f"{path} cannot be read as a table ({why}). Save it again, or use another copy.")
