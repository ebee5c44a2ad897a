"""`benchmarks` measures what it says, and notices who computes something else.  No time is tested."""

import json
import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))  # benchmarks is not installed

from benchmarks import agreement, cli, imports, memory, report, runner, targets, text, threads, timing
from benchmarks.contenders import Contender, Prepared, Skip
from benchmarks.contenders.by_hand import CONTENDERS as BY_HAND
from benchmarks.contenders.chains import Chain
from benchmarks.contenders.plain_numpy import CONTENDER as NUMPY
from benchmarks.contenders.registry import CONTENDERS, OURS
from benchmarks.contenders.sampling import furthest_off
from benchmarks.floor import Floor, Work
from benchmarks.problem import Problem, Size
from benchmarks.results import Cell, Row
from benchmarks.tasks import DRAWS, SIZES, TASKS
from tabular_bellman import AutoregressiveModel, EnergyBasedModel, StateActionTable, kl_divergence

ROOT = Path(__file__).parent.parent
CORE = [contender for contender in CONTENDERS if not contender.absent() and not contender.compiled]
CORE = [contender for contender in CORE if "torch" not in contender.name and "hmmlearn" not in contender.name]
TINY = Size(2, 3)
A_MOMENT = timing.Effort(seconds=0.0, turn_seconds=0.0, least_rounds=1, most_rounds=1)
TABLES = ("soft-bellman", "inverse", "log-partition", "log-probs", "marginals", "kl")


def named(name):
    return next(contender for contender in CONTENDERS if contender.name == name)


# -- what is computed ------------------------------------------------------------------------------------------------


def right_arrays(task, problem):
    """The same from the public models, which know nothing of levels."""
    table, other = (StateActionTable.from_levels(problem.space, levels) for levels in (problem.table, problem.other))
    ebm, arm = EnergyBasedModel(table), AutoregressiveModel(table)
    if task == "soft-bellman":
        return [*ebm.to_autoregressive().logits.levels, *ebm.values.levels]
    if task == "inverse":
        return list(arm.to_energy_based().reward.levels)
    if task == "log-partition":
        return [np.array([ebm.log_partition()])]
    if task == "marginals":
        return [np.exp(level) for level in arm.prefix_log_probs.levels]
    if task == "kl":
        return [np.array([kl_divergence(arm, AutoregressiveModel(other))])]
    by_length, start = [], 0
    for t in range(problem.size.T):
        part = arm.log_probabilities()[0, start : start + problem.V**t]
        by_length.append(problem.space.from_lexicographic(part.reshape(1, -1, 1), t)[0])
        start += problem.V**t
    return by_length


@pytest.mark.parametrize("task", TABLES)
@pytest.mark.parametrize("size", [Size(2, 3), Size(3, 3), Size(1, 4), Size(3, 1)], ids=str)
def test_every_contender_computes_the_task(task, size):
    problem = Problem(size)
    right = right_arrays(task, problem)
    took_part = set()
    for contender in CORE:
        try:
            prepared = contender.prepare(task, problem)
        except Skip:
            continue
        agreement.compare(TASKS[task], problem, prepared.arrays(prepared.call()), right)
        took_part.add(contender.name)
    assert {"ours", "NumPy", "SciPy"} <= took_part


@pytest.mark.parametrize("name", ["numba", "torch eager", "jax.jit"])
@pytest.mark.parametrize("task", ["soft-bellman", "kl", "sampling"])
def test_libraries_where_they_are_installed(name, task):
    contender, problem = named(name), Problem(TINY)
    if reason := contender.absent():
        pytest.skip(reason)
    prepared = contender.prepare(task, problem)
    right = right_arrays(task, problem) if task != "sampling" else []
    agreement.compare(TASKS[task], problem, prepared.arrays(prepared.call()), right)


def test_sampling_is_compared_with_exact_shares():
    problem = Problem(TINY)
    prepared = OURS.prepare("sampling", problem)
    found = prepared.arrays(prepared.call())
    assert found[0].size == DRAWS
    assert furthest_off(problem, found) < 6.0
    shorter = [np.minimum(found[0], 1), found[1]]
    assert furthest_off(problem, shorter) > 6.0
    other_token = [found[0], np.where(found[1] == 0, 1, found[1])]
    assert furthest_off(problem, other_token) > 6.0


def test_the_chain_is_the_reward_that_the_others_are_given():
    problem = Problem(Size(2, 4))
    chain = Chain(problem)

    def reward(prompt, prefix, action):
        last = np.array([[prefix[-1]]]) if prefix else np.zeros((0, 1), int)
        row = problem.space.action_index(len(prefix), action)
        return chain.reward(prompt, last, len(prefix))[row, 0]

    table = StateActionTable.from_function(problem.space, reward)
    assert chain.log_partition() == pytest.approx(EnergyBasedModel(table).log_partition(), abs=1e-13)
    for name in ("ours", "hmmlearn", "hmmlearn, scaling"):
        if not named(name).absent():
            found = named(name).prepare("window", problem).call()
            assert found == pytest.approx(chain.log_partition(), abs=1e-13), name


def test_one_example_is_what_is_timed():
    prepared = OURS.prepare("example", Problem(Size(2, 2)))
    assert prepared.per == 100
    prepared.call()


# -- who computes something else -------------------------------------------------------------------------------------


def planted(change):
    """Straightforward NumPy with something wrong about it."""

    def maker(problem):
        right = NUMPY.tasks["soft-bellman"](problem)
        return Prepared(right.call, lambda result: change([array.copy() for array in right.arrays(result)]))

    return Contender("planted", "wrong", {"soft-bellman": maker})


def last_digit(arrays):
    arrays[1][0, 0] += 1e-11
    return arrays


def a_nan(arrays):
    arrays[-1][0] = np.nan
    return arrays


@pytest.mark.parametrize(
    ("change", "says"),
    [(last_digit, "differs by"), (a_nan, "differs by nan"), (lambda a: a[:-1], "arrays instead of")],
)
def test_a_wrong_contender_is_an_error_and_not_timed(change, says, capsys):
    wanted = ["--task", "soft-bellman", "--size", "8,4", "--quick"]
    status = cli.main(wanted, [OURS, planted(change)])
    told = capsys.readouterr()
    assert status == 1
    line = next(line for line in told.out.splitlines() if "planted" in line)
    assert "ERROR does not agree" in line
    assert says in line
    assert "1 ERROR" in told.err


def test_one_that_fails_is_an_error():
    def raises(_):
        raise OSError("no space left")

    cell = runner.measure(TASKS["kl"], TINY, OURS, [Contender("x", "", {"kl": raises})], A_MOMENT, 1)
    assert (cell.rows[1].status, cell.rows[1].reason) == ("error", "OSError: no space left")
    assert cell.rows[0].status == "timed"


def test_without_ours_nothing_is_compared():
    cell = runner.measure(TASKS["kl"], TINY, replace(OURS, tasks={"kl": lambda _: 1 / 0}), [NUMPY], A_MOMENT, 1)
    assert [row.status for row in cell.rows] == ["error"]


@pytest.mark.parametrize(("name", "size"), [("dense (S, A, S)", Size(4, 8)), ("itertools", Size(3, 15))])
def test_what_would_not_fit_is_refused_by_formula(name, size):
    contender = next(c for c in BY_HAND if c.name == name)
    problem = Problem(size)
    with pytest.raises(Skip, match="above"):
        contender.prepare("log-partition", problem)
    assert "table" not in vars(problem)  # nothing was allocated


# -- the floor, the turns --------------------------------------------------------------------------------------------


def test_the_work_of_tasks():
    problem = Problem(Size(8, 4))
    n, responses, prefixes = 1169, 585, 585
    work = {name: task.work(problem) for name, task in TASKS.items() if task.work}
    assert work["soft-bellman"] == work["inverse"] == Work(16 * n, n)
    assert work["log-partition"] == Work(8 * n, n)
    assert work["log-probs"] == Work(8 * (n + responses), n)
    assert work["marginals"] == Work(8 * (n + prefixes), n)
    assert work["kl"] == Work(16 * n, 2 * n)


def test_the_floor_is_the_larger_term(monkeypatch):
    floor = Floor(Work(16 * 10**6, 10**6), threads=2)
    try:
        assert sum(function.__defaults__[0].nbytes for function in floor._copies) == 8 * 10**6
        # A second for each call, whatever it does: two threads copy all at once, and take 2 · 32768 exps.
        monkeypatch.setattr(floor, "_time", lambda functions, repeats: float(repeats))
        assert floor.copy_seconds() == pytest.approx(1.0)
        assert floor.exp_seconds() == pytest.approx(10**6 / (2 * 32768))
    finally:
        floor.close()
    assert Cell("kl", TINY, 1, copy=2.0, exp=3.0).floor == 3.0
    assert Cell("kl", TINY, 1, copy=5.0, exp=3.0).floor == 5.0
    assert Cell("sampling", TINY, 1).floor is None


def test_everybody_takes_turns():
    turns = []
    functions = {name: lambda name=name: turns.append(name) for name in "ab"}
    effort = timing.Effort(seconds=0.0, turn_seconds=0.0, least_rounds=20, most_rounds=20)
    times = timing.interleaved(functions, {"clock": lambda: turns.append("c") or 0.5}, effort, seed=1)
    assert turns[:2] == ["a", "b"]  # to see how long they take
    rounds = ["".join(dict.fromkeys(turns[i : i + 5])) for i in range(2, len(turns), 5)]
    assert len(rounds) == 20
    assert {"".join(sorted(order)) for order in rounds} == {"abc"}
    assert len(set(rounds)) > 2  # in changing order
    assert len(times["a"].seconds) == 20
    assert times["clock"].seconds == [0.5] * 20


# -- targets ---------------------------------------------------------------------------------------------------------


def cell(task, size, floor=1.0, compiled=(), **least):
    rows = [
        Row(name.replace("_", " "), "timed", least=x, median=x, ready=x, compiled=name in compiled)
        for name, x in least.items()
    ]
    return Cell(task, Size(*size), entries=10**6, copy=floor, exp=floor / 2, rows=rows)


def found(cells, beginning):
    return next(target for target in targets.of_benchmarks(cells) if target.name.startswith(beginning))


def test_targets_by_hand():
    cells = [cell("soft-bellman", (2, 20), floor=2.0, ours=4.0, torch_eager=7.0, NumPy=5.0)]
    by_floor = found(cells, "soft-bellman (2, 20): ours / floor")
    assert (by_floor.measured, by_floor.met, by_floor.verdict) == (2.0, True, "met")
    torch = found(cells, "soft-bellman (2, 20): torch eager / ours")
    assert (torch.measured, torch.met, torch.verdict) == (1.75, False, "missed by 12 %")
    assert found(cells, "soft-bellman (2, 20): jax.jit / ours").verdict == "not measured"
    assert found(cells, "inverse (3, 15)").met is None


def test_who_may_be_ahead():
    least = {"ours": 4.0, "NumPy": 5.0, "numba": 2.0, "torch.compile": 1.0}
    compiled = ("numba", "torch.compile")
    large = cell("soft-bellman", (2, 20), compiled=compiled, **least)
    assert found([large], "soft-bellman (2, 20): ours / best").measured == 2.0  # torch.compile may
    small = replace(large, entries=99_999)
    assert found([small], "soft-bellman (2, 20): ours / best").measured == 0.8  # all compiled code may
    other = replace(large, size=Size(3, 15))
    assert found([other], "soft-bellman (3, 15): ours / best").measured == 4.0  # nobody may


def test_our_share_of_an_example():
    cells = [Cell("example", Size(3, 3), 25, rows=[Row("ours", "timed", least=5.0)])]
    assert found(cells, "example").measured is None
    cells[0].rows.append(Row("Hypothesis alone", "timed", least=2.0))
    assert found(cells, "example").measured == 1.5
    assert found(cells, "example").verdict == "missed by 50 %"


def test_targets_of_the_other_commands():
    told = targets.of_streaming(1.4, {"two threads": 250.0}, {"two threads": 1.9}, 10**7)
    assert [target.verdict for target in told] == ["met", "missed by 25 %", "met"]
    assert targets.of_imports(1.2)[0].met is False


# -- the commands ----------------------------------------------------------------------------------------------------


def test_a_quick_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "QUICK", A_MOMENT)
    page = tmp_path / "speed.md"
    page.write_text((ROOT / "docs" / "speed.md").read_text(encoding="utf-8"), encoding="utf-8")
    file = tmp_path / "times.json"
    sizes = ["--size", "8,4", "--size", "3,3", "--size", "50,200"]
    status = cli.main([*sizes, "--quick", "--json", str(file), "--markdown", str(page)], CORE)
    told = capsys.readouterr()
    assert (status, told.err) == (0, "")
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["schema_version"] == 1
    assert {cell["task"] for cell in document["cells"]} == set(TASKS)
    for cell in document["cells"]:
        rows = {row["contender"]: row for row in cell["rows"]}
        assert rows["ours"]["least"] > 0.0
        assert not any(row["status"] == "error" for row in rows.values())
    assert "Targets" in told.out
    text = page.read_text(encoding="utf-8")
    assert "### soft-bellman" in text
    assert text.count("<!--") == (ROOT / "docs" / "speed.md").read_text(encoding="utf-8").count("<!--")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--task", "kl", "--size", "5,5"], 2),  # not one of the sizes
        (["--size", "5"], 2),
        (["--size", "0,3"], 2),
        (["--task", "nothing"], 2),
        (["--contender", "nobody"], "no contender 'nobody'"),
    ],
)
def test_wrong_usage(arguments, status, capsys):
    try:
        found = cli.main(arguments)
    except SystemExit as stop:
        found = stop.code
    capsys.readouterr()
    assert found == status or str(found).startswith(str(status))


def test_the_list_names_everybody(capsys):
    assert cli.main(["--list"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in (*TASKS, *(contender.name for contender in CONTENDERS)))


def test_names_are_different():
    assert len({contender.name for contender in CONTENDERS}) == len(CONTENDERS)
    assert all(set(contender.tasks) <= set(TASKS) for contender in CONTENDERS)
    assert {str(size) for size in targets.LARGE_SIZES} <= {str(size) for size in SIZES}


@pytest.mark.parametrize(
    ("arguments", "wanted"), [([], 2), (["--threads", "3"], 3), (["--threads=1", "--quick"], 1), (["--threads"], 2)]
)
def test_threads_asked_for(arguments, wanted):
    assert threads.threads_asked_for(arguments) == wanted


def test_memory_of_a_call():
    peak = memory.measured("one kept, one not", lambda: [np.ones(10**5), np.ones(10**5).sum()], 8 * 10**5)
    assert peak.returned == pytest.approx(1.0, abs=0.01)
    assert peak.peak == pytest.approx(2.0, abs=0.01)


def test_memory_of_all_functions(capsys, tmp_path):
    file = tmp_path / "memory.json"
    assert memory.main(["--size", "2,6", "--json", str(file)]) == 0
    assert "levels.soft_bellman" in capsys.readouterr().out
    assert all(peak["peak"] >= peak["returned"] for peak in json.loads(file.read_text(encoding="utf-8"))["peaks"])


def test_an_import_from_elsewhere_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="tabular_bellman"):
        imports.seconds(tmp_path)


# -- the page --------------------------------------------------------------------------------------------------------


def test_sections_are_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x: written by me -->\n\nold\n\n<!-- end of x -->\nb\n", encoding="utf-8")
    for new in ("new", "newer"):
        text.write_sections(page, {"x": new})
    assert page.read_text(encoding="utf-8") == "a\n<!-- x: written by me -->\n\nnewer\n\n<!-- end of x -->\nb\n"
    with pytest.raises(SystemExit, match="no section 'y'"):
        text.write_sections(page, {"y": ""})


def test_the_page_has_all_sections():
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    named = set(re.findall(r"<!-- (\w+): written by `python -m benchmarks", page))
    assert named == set(report.pages([], [], [], [])) | {"streaming", "memory"}
    assert all(f"<!-- end of {name} -->" in page for name in named)


@pytest.mark.parametrize(
    ("x", "told"), [(2.5, "2.50 s"), (0.0123, "12.3 ms"), (4.56e-4, "456 µs"), (3e-7, "0.30 µs"), (1234.0, "1,234 s")]
)
def test_times_are_told_in_their_unit(x, told):
    assert text.seconds(x) == told
    assert math.isclose(float(told.split()[0].replace(",", "")), x * {"s": 1, "ms": 1e3, "µs": 1e6}[told.split()[1]])
