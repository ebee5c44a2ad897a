"""Pieces of work on workers: what a plain loop gives, in its order, whatever happens to the workers."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from clusters import dask_cluster

from tabular_bellman import TabularBellmanError, parallel
from tabular_bellman.parallel import WorkerLostError, Workers

pytest.importorskip("joblib")

KINDS = ["plain", "loky", "threading", "dask", "address"]
PROCESSES = ["loky", "dask"]


@pytest.fixture(scope="module")
def cluster():
    """Two processes."""
    with dask_cluster() as client:
        yield client


@pytest.fixture
def workers(request):
    """Return two workers of a kind, or none."""

    def make(kind, **options):
        if kind == "plain":
            return Workers(**options)
        if kind in ("loky", "threading"):
            return Workers(2, kind, **options)
        client = request.getfixturevalue("cluster")
        client.wait_for_workers(2, timeout=60)
        return Workers(client=client if kind == "dask" else client.scheduler.address, **options)

    return make


def wait_for(*paths):
    """Wait until these files are there; a test that waits for ever tells nobody why."""
    until = time.monotonic() + 60.0
    for path in paths:
        while not os.path.exists(path):
            if time.monotonic() > until:
                raise TimeoutError(f"{path} is not there")
            time.sleep(0.01)


# -- what a plain loop gives -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_results_are_those_of_a_loop_in_its_order(workers, kind):
    factor, counts = np.pi, []
    tasks = [(n, np.full(3, n)) for n in range(9)]
    found = list(workers(kind).map(lambda n, x: (n, factor * x), tasks, on_done=lambda *each: counts.append(each)))
    assert [(n, x.tobytes()) for n, x in found] == [(n, (factor * x).tobytes()) for n, x in tasks]
    assert counts == [(n, 9) for n in range(1, 10)]
    assert list(workers(kind).map(max, [])) == []


@pytest.mark.parametrize("kind", ["loky", "threading", "dask"])
def test_the_order_is_that_of_tasks_and_not_of_time(workers, kind, tmp_path):
    def piece(n):
        if n == 0:
            wait_for(tmp_path / "1", tmp_path / "2")
        (tmp_path / str(n)).touch()
        return n, os.getpid()

    found = list(workers(kind).map(piece, [(n,) for n in range(3)]))
    assert [n for n, _ in found] == [0, 1, 2]
    assert (os.getpid() in {process for _, process in found}) is (kind == "threading")


def test_a_plain_loop_is_lazy_and_imports_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    seen = []
    results = Workers().map(seen.append, [(1,), (2,)])
    assert seen == []
    next(results)
    assert seen == [1]


@pytest.mark.parametrize("kind", ["loky", "dask"])
def test_large_arguments_are_the_worker_s_own(workers, kind):
    def piece(x):
        x += 1.0
        return float(x.sum())

    table = np.zeros(300_000)
    assert list(workers(kind).map(piece, [(table,)] * 2)) == [3e5, 3e5]
    assert not table.any()


def test_a_cluster_with_one_worker_works_there_and_not_here():
    with dask_cluster(n_workers=1) as client:
        assert os.getpid() not in Workers(client=client).map(os.getpid, [()] * 2)


# -- errors of the function --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_error_of_the_first_task_that_has_one_comes_through(workers, kind, tmp_path):
    def piece(n):
        if n == 2 and kind != "plain":
            wait_for(tmp_path / "fails first")
        if n == 3:
            (tmp_path / "fails first").touch()
        if n in (2, 3):
            raise KeyError(n)
        return n

    results = workers(kind).map(piece, [(n,) for n in range(6)])
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(KeyError) as caught:
        next(results)
    assert caught.value.args == (2,)
    if kind not in ("plain", "threading"):  # where it was raised
        assert "in piece" in caught.value.__notes__[0]


@pytest.mark.parametrize("kind", PROCESSES)
def test_an_error_that_cannot_travel_comes_in_words(workers, kind):
    class Stubborn(Exception):
        def __init__(self, one, two):
            super().__init__(f"{one} and {two}")

    def piece():
        raise Stubborn("this", "that")

    with pytest.raises(RuntimeError, match="Stubborn: this and that"):
        list(workers(kind).map(piece, [(), ()]))


@pytest.mark.parametrize("kind", PROCESSES)
def test_what_cannot_be_sent_is_an_error_that_says_so(workers, kind):
    with pytest.raises(TabularBellmanError, match="piece: it cannot be sent to the workers and back"):
        list(workers(kind).map(lambda _: None, [(threading.Lock(),)] * 2))
    with pytest.raises(TabularBellmanError, match="row: it cannot be sent to the workers and back"):
        list(workers(kind).map(lambda: (n for n in ()), [()] * 2, what="row"))


# -- workers that die --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PROCESSES)
def test_a_worker_that_is_killed_costs_only_time(workers, kind, tmp_path):
    def piece(n, folder, kills):
        with open(os.path.join(folder, str(n)), "a") as file:
            file.write("begun\n")
        if n == 3 and kills and not os.path.exists(os.path.join(folder, "killed")):
            wait_for(os.path.join(folder, "5"))  # so that the four before it are finished
            open(os.path.join(folder, "killed"), "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return np.random.default_rng(n).standard_normal(5)

    (tmp_path / "kills").mkdir()
    found = list(workers(kind).map(piece, [(n, str(tmp_path / "kills"), True) for n in range(12)]))
    right = list(Workers().map(piece, [(n, str(tmp_path), False) for n in range(12)]))
    assert (tmp_path / "kills" / "killed").exists()
    assert [x.tobytes() for x in found] == [x.tobytes() for x in right]
    begun = [(tmp_path / "kills" / str(n)).read_text().count("begun") for n in range(12)]
    assert begun[3] == 2
    if kind == "loky":  # what is finished is kept; a cluster may have to compute what nobody had fetched
        assert begun[:3] == [1, 1, 1]


@pytest.mark.parametrize("kind", PROCESSES)
def test_a_piece_that_kills_each_worker_is_an_error_that_keeps_the_others(workers, kind, tmp_path):
    def piece(n, folder):
        if n == 7:
            wait_for(*(os.path.join(folder, str(other)) for other in range(7)))
            time.sleep(0.5)  # a nanny that is still starting a worker does not start the next one
            os.kill(os.getpid(), signal.SIGKILL)
        open(os.path.join(folder, str(n)), "w").close()
        return n * n

    with pytest.raises(WorkerLostError) as caught:
        list(workers(kind, retries=1).map(piece, [(n, str(tmp_path)) for n in range(8)], what="row"))
    assert caught.value.finished == {n: n * n for n in range(7)}
    assert caught.value.lost == (7,)
    times = {"loky": 2, "dask": 4}[kind]
    assert f"row 7 (of 8, counted from 0): its worker died, {times} times. Most often" in str(caught.value)
    assert "Finished: 7 of 8." in str(caught.value)


@pytest.mark.parametrize("kind", PROCESSES)
def test_without_retries_one_death_is_enough(workers, kind, tmp_path):
    def piece(n, folder):
        if n == 0:
            wait_for(os.path.join(folder, "2"))
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
        open(os.path.join(folder, str(n)), "w").close()
        return n

    with pytest.raises(WorkerLostError) as caught:
        list(workers(kind, retries=0).map(piece, [(n, str(tmp_path)) for n in range(3)]))
    assert 0 in caught.value.lost
    assert caught.value.finished.items() <= {1: 1, 2: 2}.items()
    assert 1 in caught.value.finished or kind == "dask"


def test_a_lost_worker_can_be_told_to_another_process():
    error = pickle.loads(pickle.dumps(WorkerLostError("gone", {0: "a"}, [1])))
    assert (str(error), error.finished, error.lost) == ("gone", {0: "a"}, (1,))


# -- stopping ----------------------------------------------------------------------------------------------------------


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until_dead(*processes):
    """Wait until there are none of these processes."""
    until = time.monotonic() + 60.0
    for process in processes:
        while alive(process):
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc which processes there are")
def test_closing_stops_the_processes(workers, tmp_path):
    def piece(n, folder):
        Path(folder, f"{n}.part").write_text(str(os.getpid()))
        Path(folder, f"{n}.part").rename(Path(folder, str(n)))
        if n == 1:
            wait_for(os.path.join(folder, "never"))
        return n

    results = workers("loky").map(piece, [(n, str(tmp_path)) for n in range(2)])
    assert next(results) == 0
    wait_for(tmp_path / "1")
    results.close()
    wait_until_dead(int((tmp_path / "1").read_text()))


SCRIPT = """
import os, time
from pathlib import Path
from tabular_bellman.parallel import Workers

def piece(n):
    print(os.getpid(), flush=True)
    time.sleep(600)

try:
    list(Workers(2).map(piece, [(n,) for n in range(4)]))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc which processes there are")
def test_an_interrupt_stops_the_processes_and_comes_through(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, tmp_path / "script.py"],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    processes = [int(process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "interrupted\n"
    wait_until_dead(*processes)


# -- clusters that are not as they should be ---------------------------------------------------------------------------


def closed_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{}", "nowhere", "letters://a:1", "tls://127.0.0.1:{}"])
def test_an_address_where_no_scheduler_answers(monkeypatch, address):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(parallel, "_CONNECT", 1)
    clients, start = [], distributed.Client.start
    monkeypatch.setattr(
        distributed.Client, "start", lambda self, **options: clients.append(self) or start(self, **options)
    )
    address = address.format(closed_port())
    with pytest.raises(TabularBellmanError, match=f"{address}: no Dask scheduler answers there within 1 s"):
        list(Workers(client=address).map(abs, [(1,)]))
    assert [client.status for client in clients] == ["closed"]


@pytest.fixture
def threads_of_dask():
    """A cluster within this process."""
    with dask_cluster(n_workers=1, threads_per_worker=2, processes=False) as client:
        yield client


def test_a_cluster_without_workers(threads_of_dask, monkeypatch):
    from tabular_bellman import worker_backends

    monkeypatch.setattr(worker_backends, "PATIENCE", 1.0)
    threads_of_dask.cluster.scale(0)
    while threads_of_dask.ncores():
        time.sleep(0.01)
    with pytest.raises(TabularBellmanError, match=r"has no workers, and none came within 1 s; `dask worker ADDRESS`"):
        list(Workers(client=threads_of_dask).map(abs, [(1,)]))


def test_a_cluster_that_loses_its_workers(threads_of_dask, monkeypatch, tmp_path):
    from tabular_bellman import worker_backends

    monkeypatch.setattr(worker_backends, "PATIENCE", 1.0)
    results = Workers(client=threads_of_dask).map(lambda n: n or wait_for(tmp_path / "go"), [(1,), (0,), (0,)])
    assert next(results) == 1
    threads_of_dask.cluster.scale(0)
    try:
        with pytest.raises(
            WorkerLostError, match=r"piece 1, 2 \(of 3, counted from 0\): the cluster went away"
        ) as lost:
            next(results)
    finally:
        (tmp_path / "go").touch()
    assert lost.value.finished == {0: 1}


def test_workers_with_other_versions_are_refused(workers, monkeypatch):
    here = tuple((name, "0.0.9" if name == "numpy" else version) for name, version in parallel._facts())
    monkeypatch.setattr(parallel, "_facts", lambda: here)
    with pytest.raises(
        TabularBellmanError, match=r"a worker of the cluster has numpy [\d.]+; this process numpy 0\.0\.9: "
    ):
        list(workers("dask").map(abs, [(1,)]))


def test_a_client_that_is_closed_or_asynchronous(threads_of_dask):
    distributed = pytest.importorskip("distributed")
    client = distributed.Client(threads_of_dask.scheduler.address, set_as_default=False)
    closed = Workers(client=client)
    client.close()
    with pytest.raises(TabularBellmanError, match="client: it is closed; give one that is connected"):
        list(closed.map(abs, [(1,)]))

    async def asynchronous():
        async with distributed.Client(threads_of_dask.scheduler.address, asynchronous=True) as client:
            with pytest.raises(TabularBellmanError, match="client: it is asynchronous"):
                Workers(client=client)

    threads_of_dask.sync(asynchronous)


# -- what is not installed, and bad arguments --------------------------------------------------------------------------


def test_what_is_missing_is_named_before_anything_is_begun(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(TabularBellmanError, match="the extra `dask`: pip install distributed"):
        Workers(client="tcp://127.0.0.1:1").map(abs, [(1,)])
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(
        TabularBellmanError, match=r"joblib 1\.5 or newer, the extra `parallel` \(it is not installed\)"
    ):
        Workers(2).map(abs, [(1,)])


def test_an_older_joblib_is_refused(monkeypatch):
    import joblib.parallel

    monkeypatch.delattr(joblib.parallel.ParallelBackendBase, "submit")
    with pytest.raises(TabularBellmanError, match=r"joblib 1\.5 or newer, the extra `parallel` \(this one is older\)"):
        Workers(2).map(abs, [(1,)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "jobs=0: give an integer, 1 or more"),
        ({"jobs": True}, "jobs=True: give an integer"),
        ({"jobs": 2.0}, "jobs=2.0: give an integer"),
        ({"retries": -1}, "retries=-1: give an integer, 0 or more"),
        ({"backend": "dask"}, "backend='dask': give \"loky\""),
        ({"client": 8786}, "client=8786: give a distributed.Client"),
        ({"client": ""}, "client='': give a distributed.Client"),
    ],
)
def test_options_that_mean_nothing(options, message):
    with pytest.raises(TabularBellmanError, match=message):
        Workers(**options)


def test_pieces_that_mean_nothing():
    with pytest.raises(TabularBellmanError, match=r"function: 3 cannot be called"):
        Workers().map(3, [])
    with pytest.raises(TabularBellmanError, match=r"tasks\[1\] is 2: give a tuple of arguments, \(x,\) for one"):
        Workers().map(abs, [(1,), 2])
