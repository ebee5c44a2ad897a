"""``proofs-check distill``: what it prints and writes, and how it refuses what it cannot compare."""

import csv
import json
import math

import pytest

from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    StateTable,
    kl_divergence,
)

SPACE = SequenceSpace("ab", max_length=3)


@pytest.fixture
def tables(folder):
    """A reward and logits, saved where the command runs."""
    reward, logits = (StateActionTable.random(SPACE, seed) for seed in (0, 1))
    reward.save("teacher.npz")
    logits.save("student.json")
    return reward, logits


def printed_kls(out):
    (line,) = (line for line in out.splitlines() if line.startswith("KL of whole responses "))
    return [float(number) for number in line.split()[-2:]]


def test_teacher_is_rewards_and_student_is_logits(run, tables):
    status, out, err = run("distill", "teacher.npz", "student.json")
    assert (status, err) == (0, "")
    teacher, student = EnergyBasedModel(tables[0]), AutoregressiveModel(tables[1])
    kls = kl_divergence(teacher, student), kl_divergence(student, teacher)
    assert printed_kls(out) == pytest.approx(kls, rel=1e-3)
    lines = out.splitlines()
    assert lines[0] == "teacher.npz: read as rewards of an energy-based model (else: --teacher-is logits)"
    assert lines[1] == "student.json: read as logits of an autoregressive model (else: --student-is rewards)"
    assert max(map(len, lines[2:])) <= 80
    for text in ("KL by depth", "Upper bounds", "Lower bounds", "k3_steps", "What the rows mean"):
        assert text in out


@pytest.mark.parametrize("first", ["rewards", "logits"])
@pytest.mark.parametrize("second", ["rewards", "logits"])
def test_each_reading_is_another_model(run, tables, first, second):
    make = {"rewards": EnergyBasedModel, "logits": AutoregressiveModel}
    teacher, student = make[first](tables[0]), make[second](tables[1])
    _, out, _ = run("distill", "teacher.npz", "student.json", "--teacher-is", first, "--student-is", second)
    assert printed_kls(out) == pytest.approx(
        [kl_divergence(teacher, student), kl_divergence(student, teacher)], rel=1e-3
    )


def test_temperature_divides_the_rewards_of_the_teacher(run, tables):
    _, out, _ = run("distill", "teacher.npz", "student.json", "--temperature", "0.5")
    teacher, student = EnergyBasedModel(tables[0], 0.5), AutoregressiveModel(tables[1])
    assert printed_kls(out)[0] == pytest.approx(kl_divergence(teacher, student), rel=1e-3)
    assert "teacher   energy-based model, temperature 0.5\n" in out

    _, out, _ = run("distill", "teacher.npz", "student.json", "--temperature", "0.5", "--student-is", "rewards")
    assert printed_kls(out)[0] == pytest.approx(kl_divergence(teacher, EnergyBasedModel(tables[1])), rel=1e-3)


def test_quiet(run, tables):
    status, out, err = run("distill", "teacher.npz", "student.json", "--quiet")
    assert status == 0
    assert err == (  # one table read the wrong way is another model
        "teacher.npz: read as rewards of an energy-based model (else: --teacher-is logits)\n"
        "student.json: read as logits of an autoregressive model (else: --student-is rewards)\n"
    )
    assert "Upper bounds" in out
    assert "KL by depth" not in out
    assert "What the rows mean" not in out
    assert len(out.splitlines()) == 21


def test_json(run, tables):
    status, out, err = run("distill", "teacher.npz", "student.json", "--json")
    assert (status, err) == (0, "")
    document = json.loads(out)
    (found,) = document["prompts"]
    kl = found["directions"]["forward"]["kl"]
    assert kl == kl_divergence(EnergyBasedModel(tables[0]), AutoregressiveModel(tables[1]))
    assert run("distill", "teacher.npz", "student.json", "--json")[1] == out


def test_csv(run, tables, folder):
    status, out, err = run("distill", "teacher.npz", "student.json", "--csv", "report.csv")
    assert (status, err) == (0, "")
    assert printed_kls(out)
    with (folder / "report.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["prompt", "direction", "quantity", "name", "depth", "prefix", "value"]
    kl = kl_divergence(EnergyBasedModel(tables[0]), AutoregressiveModel(tables[1]))
    (value,) = (row["value"] for row in rows if (row["quantity"], row["direction"]) == ("kl", "forward"))
    assert float(value) == kl
    added = [row for row in rows if (row["quantity"], row["direction"]) == ("kl_at_prefix", "forward")]
    assert math.fsum(float(row["value"]) for row in added) == pytest.approx(kl)
    assert [row["prefix"] for row in added] == [
        "[]", '["a"]', '["b"]', '["a", "a"]', '["a", "b"]', '["b", "a"]', '["b", "b"]',
    ]  # fmt: skip
    (row,) = (row for row in rows if row["quantity"] == "epsilon")
    assert (row["prompt"], row["name"], row["depth"]) == ("", "", "")


def test_csv_of_what_is_no_number_or_infinite(run, folder):
    StateActionTable.zeros(SPACE).save("a.npz")
    StateActionTable.from_dict(SPACE, {(None, (), "a"): -math.inf}, default=0.0).save("b.npz")
    run("distill", "a.npz", "a.npz", "--teacher-is", "logits", "--csv", "same.csv")
    run("distill", "a.npz", "b.npz", "--csv", "other.csv")
    same, other = ((folder / name).read_text(encoding="utf-8") for name in ("same.csv", "other.csv"))
    assert ",forward,bound_over_kl,paper,,,\n" in same.replace("\r\n", "\n")
    assert ",forward,kl,,,,inf\n" in other.replace("\r\n", "\n")
    assert "nan" not in same + other


def test_an_infinite_kl_says_why_and_is_no_error(run, folder):
    StateActionTable.zeros(SPACE).save("a.npz")
    StateActionTable.from_dict(SPACE, {(None, (), "a"): -math.inf}, default=0.0).save("b.npz")
    status, out, err = run("distill", "a.npz", "b.npz")
    assert (status, err) == (0, "")
    assert "KL(teacher‖student) is infinite: the student forbids ('a', EOS)" in out


def test_several_prompts_have_tables_of_their_own(run, folder):
    space = SequenceSpace("ab", max_length=3, prompts=["x", "y"])
    for seed, name in enumerate(("a.npz", "b.npz")):
        StateActionTable.random(space, seed).save(name)
    _, out, _ = run("distill", "a.npz", "b.npz")
    assert out.count("\nKL of whole responses   ") == 2
    assert out.index("-- prompt 'x' ---") < out.index("-- prompt 'y' ---")


# -- bad input ---------------------------------------------------------------------------------------------------------


def saved(name, space):
    StateActionTable.zeros(space).save(name)
    return name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.npz", "student.json"), "nowhere.npz: no such file."),
        (("teacher.npz", "nowhere.json"), "nowhere.json: no such file."),
        (
            ("state.npz", "student.json"),
            "state.npz holds a StateTable (values), not a StateActionTable (rewards or logits).",
        ),
        (("damaged.npz", "student.json"), "damaged.npz cannot be read as a table (truncated, pickled, or not written"),
        (("damaged.json", "student.json"), "damaged.json cannot be read as a table"),
        (("teacher.txt", "student.json"), "teacher.txt: a table is saved as .npz or .json, by its ending."),
        (
            ("teacher.npz", "longer.npz"),
            "teacher and student are over different spaces: max_length 3 and 4. Build both over one SequenceSpace.",
        ),
        (("teacher.npz", "other.npz"), "tokens 'a', 'b' and 'a', 'c'. Build both"),
        (("teacher.npz", "prompts.npz"), "prompts None and 'x', 'y'. Build both"),
        (("teacher.npz", "fixed.npz"), "the teacher's responses are up to EOS, the student's of exactly 3 tokens."),
        (
            ("teacher.npz", "dead.npz"),
            "dead.npz, read as logits: the logit at prompt None, prefix (), action 'a' is finite, but it leads to the "
            "dead prefix ('a',)",
        ),
        (("nothing.npz", "student.json"), "nothing.npz, read as rewards: every response to prompt None is forbidden"),
        (("teacher.npz", "student.json", "--temperature", "0"), "teacher.npz, read as rewards: temperature is 0.0; it"),
        (("teacher.npz", "student.json", "--temperature", "nan"), "temperature is nan; it must be positive"),
        (
            ("teacher.npz", "student.json", "--teacher-is", "logits", "--temperature", "2"),
            "--temperature divides the teacher's rewards; it goes with --teacher-is rewards.",
        ),
        (("teacher.npz", "student.json", "--csv", "a/b.csv"), "--csv a/b.csv: cannot write it: No such file or"),
        (("teacher.npz", "student.json", "--csv", "teacher.npz"), "--csv teacher.npz: its name must end in .csv."),
        (("teacher.npz", "student.json", "--max-bytes", "8"), "would take 104 bytes; the budget is 8 bytes."),
    ],
)
def test_bad_input_is_one_clear_line(run, tables, folder, arguments, message):
    StateTable.zeros(SPACE).save("state.npz")
    (folder / "damaged.npz").write_bytes((folder / "teacher.npz").read_bytes()[:300])
    (folder / "damaged.json").write_text((folder / "student.json").read_text()[:-40])
    saved("longer.npz", SequenceSpace("ab", max_length=4))
    saved("other.npz", SequenceSpace("ac", max_length=3))
    saved("prompts.npz", SequenceSpace("ab", max_length=3, prompts=["x", "y"]))
    saved("fixed.npz", SequenceSpace.fixed_length("ab", 3))
    dead = {(None, ("a",), action): -math.inf for action in SPACE.actions(1)}
    StateActionTable.from_dict(SPACE, dead, default=0.0).save("dead.npz")
    nothing = {(None, (), action): -math.inf for action in SPACE.actions(0)}
    StateActionTable.from_dict(SPACE, nothing, default=0.0).save("nothing.npz")
    status, out, err = run("distill", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("proofs-check: error: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    "arguments", [("teacher.npz",), ("teacher.npz", "student.json", "--teacher-is", "probabilities")]
)
def test_wrong_usage(run, tables, arguments):
    status, out, err = run("distill", *arguments)
    assert (status, out) == (2, "")
    assert "usage: proofs-check distill" in err


def test_what_was_written_before_stays_where_tables_do_not_fit(run, tables, folder):
    (folder / "report.csv").write_text("mine")
    saved("longer.npz", SequenceSpace("ab", max_length=4))
    assert run("distill", "teacher.npz", "longer.npz", "--csv", "report.csv")[0] == 2
    assert (folder / "report.csv").read_text() == "mine"
