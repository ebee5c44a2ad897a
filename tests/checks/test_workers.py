"""`proofs-check run` and `matrix` on workers: the same bytes, whoever does the work, and whatever happens to them."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from clusters import dask_cluster

from proofs_check import kill_matrix, pieces, strong_matrix
from proofs_check.claims import CLAIMS
from proofs_check.documents import schema
from tabular_bellman.parallel import Workers

pytest.importorskip("joblib")


@pytest.fixture(scope="module")
def cluster():
    """Two processes."""
    with dask_cluster() as client:
        yield client


@pytest.fixture
def on_workers(request):
    """Return the options for two workers of a kind."""

    def options(kind):
        if kind == "jobs":
            return ["--jobs", "2"]
        client = request.getfixturevalue("cluster")
        client.wait_for_workers(2, timeout=60)
        return ["--dask", client.scheduler.address]

    return options


KINDS = ["jobs", "dask"]
QUICK = ["run", "--quick", "P1-logZ", "P1-prob", "P4-validity"]
CERTIFIED = ["run", "--quick", "P1-logZ", "L1-logZ", "--evidence", "float64,exact,certified"]


# -- the same bytes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [[], ["--json"], ["--quiet", "--plant", "hard-max"]])
def test_by_float64(run, on_workers, kind, form):
    assert run(*QUICK, *form, *on_workers(kind)) == run(*QUICK, *form)


@pytest.mark.parametrize("kind", KINDS)
def test_attacks(run, on_workers, kind):
    command = ["run", "L1-logZ", "A8-elbo", "--json"]
    assert run(*command, *on_workers(kind)) == run(*command)


@pytest.fixture
def few_are_many(monkeypatch):
    """Let every claim by balls be several pieces."""
    pytest.importorskip("flint")
    monkeypatch.setattr(pieces, "_MANY", 2)
    monkeypatch.setattr(pieces, "_GROUP", 5)


@pytest.mark.parametrize(
    ("kind", "planted"),
    [
        ("one process", []),
        ("one process", ["--plant", "hard-max"]),
        ("one process", ["--plant", "best-response"]),
        ("jobs", ["--plant", "hard-max"]),
        ("dask", []),
    ],
)
def test_by_balls_in_many_pieces(run, on_workers, kind, planted, folder, monkeypatch, few_are_many):
    """Verdicts, numbers and certificates are those of a claim that is judged whole."""
    options = [] if kind == "one process" else on_workers(kind)
    found = run(*CERTIFIED, *planted, "--json", "--certificates", "shared", *options)
    monkeypatch.setattr(pieces, "_MANY", 10**6)
    assert run(*CERTIFIED, *planted, "--json", "--certificates", "whole") == found
    assert json.loads(found[1])["ok"] is (not planted)
    names = sorted(path.name for path in (folder / "whole").iterdir())
    assert names == sorted(path.name for path in (folder / "shared").iterdir())
    assert names
    for name in names:
        assert (folder / "whole" / name).read_bytes() == (folder / "shared" / name).read_bytes()


def test_which_pieces_there_are_depends_on_the_claim(few_are_many):
    """Five instances each, then one for each thing that must fail, together with the claim that follows."""

    class Seen:
        def __init__(self):
            self.calls = []

        def map(self, function, tasks, **options):
            self.calls.append([(task[0].__name__, *task[1:3]) for task in tasks])
            return Workers().map(function, tasks, **options)

    claims = [claim for claim in CLAIMS if claim.id in ("P1-logZ", "P1-prob")]
    logz = next(claim for claim in claims if claim.id == "P1-logZ")
    seen = Seen()
    from proofs_check.instances import built_in

    request = pieces.Request(list(built_in(0, "quick"))[:7], True)
    assert len(list(pieces.judged(claims, ("float64", "certified"), request, seen))) == 4
    first, second, third = seen.calls
    groups, fates = [name for name, *_ in first], [name for name, claim, _ in second if claim == "P1-logZ"]
    assert groups == ["_whole"] + ["_group"] * (len(groups) - 1)
    assert fates == ["_fate"] * len(logz.rejects)
    assert second[len(fates)] == ("_whole", "P1-prob", "float64")
    assert {name for name, *_ in third} == {"_fate"}


def test_a_claim_with_a_thousand_instances_is_shared_out():
    pytest.importorskip("flint")
    claim = next(claim for claim in CLAIMS if claim.id == "K-sequence")
    many = pieces._Many.of(claim, "certified", pieces.Request([], True))
    assert len(many.first()) > 20
    assert pieces._Many.of(claim, "exact", pieces.Request([], True)) is None


@pytest.mark.parametrize("kind", KINDS)
def test_matrices(run, on_workers, kind, monkeypatch):
    some = tuple(claim for claim in CLAIMS if claim.id in ("P1-logZ", "P4-validity"))
    for module in (kill_matrix, strong_matrix):
        monkeypatch.setattr(module, "CLAIMS", some)
    monkeypatch.setattr(strong_matrix, "PROOFS", dict(list(strong_matrix.PROOFS.items())[:1]))
    option, value = on_workers(kind)
    workers = Workers(2) if option == "--jobs" else Workers(client=value)
    assert kill_matrix.compute(workers) == kill_matrix.compute()
    kinds = ("exact", "symbolic", "induction")
    assert strong_matrix.compute(kinds, workers) == strong_matrix.compute(kinds)


def test_one_option_or_the_other(run):
    status, out, err = run(*QUICK, "--jobs", "2", "--dask", "tcp://127.0.0.1:8786")
    assert (status, out) == (2, "")
    assert "--jobs is of processes here, --dask of a cluster with its own; give one of them." in err


def test_a_cluster_that_is_not_there(run, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("tabular_bellman.parallel._CONNECT", 1)
    status, _, err = run(*QUICK, "--dask", "tcp://127.0.0.1:9")
    assert status == 2
    assert err.startswith("proofs-check: error: tcp://127.0.0.1:9: no Dask scheduler answers there within 1 s")


def test_progress_tells_of_pieces(run, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    shown = run(*QUICK, "--quiet")[2].split("\r\x1b[K")
    assert [text for text in shown if text] == [
        "1/3 P1-logZ",
        "1/3 P1-logZ (1 of 3 pieces)",
        "2/3 P1-prob",
        "2/3 P1-prob (2 of 3 pieces)",
        "3/3 P4-validity",
        "3/3 P4-validity (3 of 3 pieces)",
    ]


# -- workers that die --------------------------------------------------------------------------------------------------

# The command line, with a piece that kills the worker that it runs in, once or always. What is defined in a script
# travels to the workers whole, and there the module is as it is.
DEADLY = """
import os, signal, sys, time
from pathlib import Path

from proofs_check import cli, pieces

def deadly(name, kind, request):
    from proofs_check import pieces

    if name == {name!r} and not ({once} and Path({marker!r}).exists()):
        Path({marker!r}).touch()
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    return pieces._whole(name, kind, request)

if __name__ == "__main__":
    pieces._whole = deadly
    sys.exit(cli.main(sys.argv[1:]))
"""


def deadly(folder, *arguments, once):
    """Run the command line where P1-prob kills its worker."""
    marker = folder / "killed"
    (folder / "deadly.py").write_text(DEADLY.format(name="P1-prob", once=once, marker=str(marker)), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "deadly.py", *arguments], cwd=folder, capture_output=True, encoding="utf-8", timeout=120
    )
    assert marker.exists()
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_is_killed_changes_nothing(run, on_workers, kind, tmp_path):
    assert deadly(tmp_path, *QUICK, "--json", *on_workers(kind), once=True) == run(*QUICK, "--json")


@pytest.mark.parametrize("kind", KINDS)
def test_a_claim_that_kills_each_worker_is_an_error_after_what_was_finished(run, on_workers, kind, tmp_path):
    status, out, err = deadly(tmp_path, *QUICK, *on_workers(kind), once=False)
    assert status == 2
    error = re.match(r"proofs-check: error: (.*): its worker died, (\d) times\. Most often .*\n$", err)
    assert error, err
    assert error[1] == "P1-prob (float64): piece 1 (of 3, counted from 0)"
    alone = run(*QUICK)[1]
    row = alone[: alone.index("P1-prob")]
    assert "P1-logZ" in row
    assert out.startswith(row)
    assert "PARTIAL: interrupted after 1 of 3 claims; what is above is finished." in out


def test_then_the_document_is_partial(tmp_path):
    status, out, _ = deadly(tmp_path, *QUICK, "--json", "--jobs", "2", once=False)
    document = json.loads(out)
    jsonschema.validate(document, json.loads(schema()))
    assert (status, document["partial"], document["ok"]) == (2, True, False)
    assert [claim["id"] for claim in document["claims"]] == ["P1-logZ"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of POSIX")
def test_an_interrupt_leaves_what_was_finished(tmp_path):
    code = DEADLY.replace("os.kill(os.getpid(), signal.SIGKILL)", "time.sleep(600)")
    (tmp_path / "slow.py").write_text(
        code.format(name="P1-prob", once=False, marker=str(tmp_path / "begun")), encoding="utf-8"
    )
    process = subprocess.Popen(
        [sys.executable, "-u", "slow.py", *QUICK, "--jobs", "2"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    lines = []
    while not lines or not lines[-1].startswith("P1-logZ"):
        lines.append(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert "PARTIAL: interrupted after 1 of 3 claims; what is above is finished." in out


# -- the page ----------------------------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "workers.md"
BLOCK = re.compile(r"```(python|console|sh)\n(.*?)```", re.DOTALL)


def test_the_page(tmp_path):
    """The page's files are written, its cluster is another, and each command prints what the page shows."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with dask_cluster() as cluster:  # a new one: of that of other tests the workers have died, and may be begun again
        text = PAGE.read_text(encoding="utf-8").replace("tcp://127.0.0.1:8786", cluster.scheduler.address)
        commands = []
        for language, body in BLOCK.findall(text):
            if language == "python":
                (tmp_path / re.match(r"# (\w+\.py)\n", body)[1]).write_text(body, encoding="utf-8")
            elif language == "console":
                command, shown = body.removeprefix("$ ").split("\n", 1)
                ran = subprocess.run(
                    command.split(), cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=120
                )
                assert (ran.stdout, ran.returncode) == (shown, 0), ran.stderr
                commands.append(command.split()[0])
            else:
                commands += [line.split()[:2] for line in body.splitlines() if line.startswith("dask")]
        assert commands == ["proofs-check", ["dask", "scheduler"], ["dask", "worker"], "proofs-check", "python"]


def test_the_options_that_the_page_gives_to_dask():
    pytest.importorskip("distributed")
    for name in ("scheduler", "worker"):
        (given,) = re.findall(rf"^dask {name} (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
        told = subprocess.run(
            [sys.executable, "-m", f"distributed.cli.dask_{name}", "--help"], capture_output=True, encoding="utf-8"
        )
        assert all(option in told.stdout for option in given.split() if option.startswith("--"))
