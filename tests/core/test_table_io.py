import contextlib
import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import tables

from tabular_bellman import EOS, SequenceSpace, StateActionTable, StateTable, TabularBellmanError, table_io


@pytest.fixture
def table():
    space = SequenceSpace("ab", max_length=2, prompts=[None])
    return StateActionTable.from_dict(space, {(None, ("a",), EOS): -np.inf, (None, (), "b"): 1 / 3}, default=0.0)


@given(table=tables(), suffix=st.sampled_from([".npz", ".json"]))
def test_round_trip(tmp_path_factory, table, suffix):
    path = tmp_path_factory.mktemp("tables") / f"table{suffix}"
    table.save(path)
    again = StateActionTable.load(path)
    assert again == table
    assert [type(token) for token in again.space.vocab] == [type(token) for token in table.space.vocab]
    assert [type(prompt) for prompt in again.space.prompts] == [type(prompt) for prompt in table.space.prompts]


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_state_tables_too(tmp_path, suffix):
    values = StateTable.random(SequenceSpace.fixed_length(2, 3), 0)
    values.save(tmp_path / f"v{suffix}")
    assert StateTable.load(tmp_path / f"v{suffix}") == values
    with pytest.raises(TabularBellmanError, match="holds a StateTable .values., not a StateActionTable"):
        StateActionTable.load(tmp_path / f"v{suffix}")


def test_json_is_plain(tmp_path, table):
    table.save(tmp_path / "t.json")
    document = json.loads((tmp_path / "t.json").read_text())
    assert document["schema_version"] == 1
    assert document["values"] == [0.0, 1 / 3, 0.0, "-inf", 0.0]
    assert document["space"]["vocab"] == ["a", "b"]


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_an_interrupted_write_leaves_the_old_file_whole(tmp_path, table, suffix, monkeypatch):
    path = tmp_path / f"t{suffix}"
    table.save(path)
    before = path.read_bytes()

    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(table_io.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        (table + 1.0).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_a_full_disk_is_an_error_of_ours(tmp_path, table, suffix, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(table_io.os, "fsync", full)
    with pytest.raises(TabularBellmanError, match="No space left on device"):
        table.save(tmp_path / f"t{suffix}")
    assert os.listdir(tmp_path) == []


class Unusual(str):
    pass


@pytest.mark.parametrize("token", [np.int64(3), b"x", frozenset(), Unusual("u"), ("a", b"x"), float("inf")])
def test_tokens_that_files_cannot_hold_are_refused_by_name(tmp_path, token):
    table = StateActionTable.zeros(SequenceSpace([token], max_length=2))
    with pytest.raises(TabularBellmanError, match="cannot save the token"):
        table.save(tmp_path / "t.json")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("suffix", [".npz", ".json"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_files(tmp_path, table, suffix, share):
    path = tmp_path / f"t{suffix}"
    table.save(path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(TabularBellmanError, match="cannot be read as a table"):
        StateActionTable.load(path)


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "t.npz", header=np.array([{"a": 1}], dtype=object), values=np.zeros(1))
    with pytest.raises(TabularBellmanError, match="pickled"):
        StateActionTable.load(tmp_path / "t.npz")
    np.save(tmp_path / "plain.npy", np.array([object()], dtype=object), allow_pickle=True)
    (tmp_path / "plain.npy").rename(tmp_path / "p.npz")
    with pytest.raises(TabularBellmanError, match="pickled"):
        StateActionTable.load(tmp_path / "p.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "schema version 2; this release reads version 1. Upgrade"),
        ({"schema_version": None}, "schema version None"),
        ({"format": "other"}, "not a table of this package"),
        ({"kind": "matrix"}, "holds a table of kind 'matrix'"),
        ({"space": {}}, "its space cannot be read"),
        ({"space": None}, "its space cannot be read"),
        ({"values": [0.0] * 4}, r"shape \(4,\).*needs \(5,\)"),
        ({"values": [0.0] * 4 + [None]}, "value 4 is None"),
        ({"values": [0.0] * 4 + ["inf"]}, "value 4 is 'inf'"),
        ({"values": [0.0] * 4 + [float("nan")]}, "value 4 is nan"),
        ({"values": [0.0] * 4 + [float("-inf")]}, "value 4 is -inf"),
        ({"values": [0.0] * 4 + [10**400]}, "OverflowError"),
        ({"values": None}, "no list of values"),
        ({"space": {"vocab": "ab", "prompts": [None], "min_length": 1, "max_length": 2, "has_eos": True}}, "its space"),
        (
            {"space": {"vocab": ["a"], "prompts": [None], "min_length": 1, "max_length": 2, "has_eos": "no"}},
            "its space",
        ),
    ],
)
def test_files_that_say_something_else(tmp_path, table, change, message):
    path = tmp_path / "t.json"
    table.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(TabularBellmanError, match=message):
        StateActionTable.load(path)


def test_numbers_that_python_will_not_read(tmp_path, table):
    path = tmp_path / "t.json"
    table.save(path)
    path.write_text(path.read_text().replace("0.3333333333333333", "-1e400"))
    with pytest.raises(TabularBellmanError, match="value 1 is -inf, neither a finite number"):
        StateActionTable.load(path)
    path.write_text(path.read_text().replace("-1e400", "1" * 5000))
    with pytest.raises(TabularBellmanError, match="cannot be read as a table"):
        StateActionTable.load(path)


def header_of(space_text):
    return f'{{"format": "tabular_bellman.table", "schema_version": 1, "kind": "state_action", "space": {space_text}}}'


def test_an_archive_is_refused_before_values_of_another_size_are_read(tmp_path):
    space = '{"vocab": ["a"], "prompts": [null], "min_length": 1, "max_length": 2, "has_eos": true}'
    np.savez_compressed(tmp_path / "t.npz", header=np.array(header_of(space)), values=np.zeros(10**6))
    with pytest.raises(TabularBellmanError, match="its values take 8,000,128 bytes; .* needs 24"):
        StateActionTable.load(tmp_path / "t.npz")


def test_damaged_archives_are_errors_of_ours(tmp_path, table):
    """Every single byte of a file, changed: it is read as before, or refused."""
    table.save(tmp_path / "t.npz")
    whole = (tmp_path / "t.npz").read_bytes()
    for i in range(0, len(whole), 3):
        (tmp_path / "t.npz").write_bytes(whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :])
        with contextlib.suppress(TabularBellmanError):
            assert StateActionTable.load(tmp_path / "t.npz") == table


def test_files_over_the_budget_are_refused(tmp_path, table):
    table.save(tmp_path / "t.npz")
    with pytest.raises(TabularBellmanError, match="would take 40 bytes; the budget is 39 bytes"):
        StateActionTable.load(tmp_path / "t.npz", max_bytes=39)


def test_places_that_cannot_be(tmp_path, table):
    with pytest.raises(TabularBellmanError, match="is no file name"):
        StateActionTable.load("a\0.json")
    with pytest.raises(TabularBellmanError, match="the path is a int"):
        StateActionTable.load(3)
    with pytest.raises(TabularBellmanError, match=r"saved as .npz or .json"):
        table.save(tmp_path / "t.txt")
    with pytest.raises(TabularBellmanError, match="cannot write .*No such file or directory"):
        table.save(tmp_path / "absent" / "t.npz")
    for suffix in (".npz", ".json"):
        with pytest.raises(TabularBellmanError, match="no such file"):
            StateActionTable.load(tmp_path / f"absent{suffix}")
        (tmp_path / f"folder{suffix}").mkdir()
        with pytest.raises(TabularBellmanError, match="Is a directory"):
            StateActionTable.load(tmp_path / f"folder{suffix}")


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_what_is_synced_is_the_whole_file_beside_its_target(tmp_path, table, suffix, monkeypatch):
    sizes, fsync = [], os.fsync

    def synced(descriptor):
        assert len(os.listdir(tmp_path)) == 1
        sizes.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(table_io.os, "fsync", synced)
    table.save(tmp_path / f"t{suffix}")
    assert sizes == [(tmp_path / f"t{suffix}").stat().st_size]


def test_files_have_the_permissions_that_the_umask_leaves(tmp_path, table):
    mask = os.umask(0o027)
    try:
        table.save(tmp_path / "t.npz")
    finally:
        os.umask(mask)
    assert (tmp_path / "t.npz").stat().st_mode & 0o777 == 0o640


def test_the_old_file_is_replaced_not_written_over(tmp_path, table):
    table.save(tmp_path / "t.npz")
    os.link(tmp_path / "t.npz", tmp_path / "old.npz")
    (table + 1.0).save(tmp_path / "t.npz")
    assert StateActionTable.load(tmp_path / "old.npz") == table


def test_the_budget_holds_for_fixed_lengths(tmp_path):
    StateActionTable.zeros(SequenceSpace.fixed_length(2, 2)).save(tmp_path / "t.npz")
    with pytest.raises(TabularBellmanError, match="would take 48 bytes; the budget is 47 bytes"):
        StateActionTable.load(tmp_path / "t.npz", max_bytes=47)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.astype(np.float32), "its values take"),
        (lambda v: v.view(np.int64), "dtype int64"),
        (lambda v: v[None], "shape"),
    ],
)
def test_values_of_another_kind_are_refused(tmp_path, table, change, message):
    big = StateActionTable.zeros(SequenceSpace(2, max_length=9))
    big.save(tmp_path / "t.npz")
    with np.load(tmp_path / "t.npz") as archive:
        np.savez(tmp_path / "t.npz", header=archive["header"], values=change(archive["values"]))
    with pytest.raises(TabularBellmanError, match=message):
        StateActionTable.load(tmp_path / "t.npz")
