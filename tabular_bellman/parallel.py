"""Independent pieces of work: one after the other, or on processes, threads, or the workers of a Dask cluster."""

import pickle
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, NamedTuple

from tabular_bellman.errors import TabularBellmanError

__all__ = ["WorkerLostError", "Workers"]

_MOST_JOBS: Final = 4096
_CONNECT: Final = 10  # for so many seconds a scheduler may leave a client without an answer


class WorkerLostError(TabularBellmanError):
    """A worker died over a piece of work more often than the piece may be begun again.

    Attributes
    ----------
    finished : dict of int to Any
        The results that there are, by the number of the task.
    lost : tuple of int
        The numbers of the tasks that were lost.
    """

    def __init__(self, message: str, finished: dict[int, Any] | None = None, lost: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.finished = finished or {}
        self.lost = tuple(lost)


@dataclass(frozen=True)
class Workers:
    """Where independent pieces of work run: this process, processes or threads of this machine, or a Dask cluster.

    joblib does the work (the extra ``parallel``; for a cluster, the extra ``dask``).  Results are those of a plain
    loop, in its order, whatever the number of workers.

    Parameters
    ----------
    jobs : int, default 1
        How many workers.  With 1, and no client, there are none: `map` is a plain loop.
    backend : {"loky", "threading"}
        Processes or threads of this machine.
    client : distributed.Client or str, optional
        A Dask cluster, or the address of its scheduler, such as ``"tcp://10.0.0.1:8786"``.  The cluster has the
        workers that it has: `jobs` and `backend` mean nothing then.
    retries : int, default 2
        How often a piece whose worker died is begun again: the last time with nothing else running.

    Raises
    ------
    TabularBellmanError
        For values that are none of these.

    Notes
    -----
    A worker that dies takes with it the pieces that it had: these are begun again, and what is finished is kept.  On
    a cluster the scheduler does so by itself, as often as its setting ``distributed.scheduler.allowed-failures`` says
    (3); what it has given up gets one more time, alone, unless `retries` is 0.

    Examples
    --------
    >>> list(Workers().map(pow, [(2, 3), (3, 2)]))
    [8, 9]
    """

    jobs: int = 1
    backend: Literal["loky", "threading"] = "loky"
    client: Any = None
    retries: int = 2

    def __post_init__(self) -> None:
        for name, value, least in (("jobs", self.jobs, 1), ("retries", self.retries, 0)):
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise TabularBellmanError(f"{name}={value!r}: give an integer, {least} or more.")
        if self.jobs > _MOST_JOBS:
            raise TabularBellmanError(f"jobs={self.jobs:,}: the limit is {_MOST_JOBS:,}.")
        if self.backend not in ("loky", "threading"):
            raise TabularBellmanError(
                f'backend={self.backend!r}: give "loky" (processes) or "threading"; a Dask cluster is given as client.'
            )
        if self.client is None or (isinstance(self.client, str) and self.client):
            return
        distributed = sys.modules.get("distributed")
        if distributed is None or not isinstance(self.client, distributed.Client):
            raise TabularBellmanError(
                f"client={self.client!r}: give a distributed.Client, or the address of its scheduler as a string."
            )
        if self.client.asynchronous:
            raise TabularBellmanError("client: it is asynchronous; give one made with asynchronous=False.")

    def map(
        self,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Any, ...]],
        *,
        what: str = "piece",
        on_done: Callable[[int, int], None] | None = None,
    ) -> Generator[Any, None, None]:
        """Yield ``function(*task)`` for each task, in the order of tasks.

        Parameters
        ----------
        function : callable
            Lambdas and closures too.
        tasks : sequence of tuple
        what : str
            What a task is called in messages.
        on_done : callable, optional
            Called with (how many are finished, how many there are) after each, in the calling thread.

        Yields
        ------
        object
            Results are kept until the last is there, for `WorkerLostError`.

        Raises
        ------
        WorkerLostError
            Where workers die over a piece more often than `retries` allows.
        TabularBellmanError
            Where what is needed is not installed, a cluster does not answer, has no workers or other versions, or the
            function, an argument or a result cannot be sent.
        BaseException
            What the function raises comes through: that of the first task which raises.  Some after it may have run.

        Notes
        -----
        Closing the iterator stops the workers; so does any error, and Ctrl-C.  Pieces that already run in threads or
        on a cluster cannot be stopped, and end by themselves.
        """
        if not callable(function):
            raise TabularBellmanError(f"function: {function!r} cannot be called.")
        tasks = list(tasks)
        for number, task in enumerate(tasks):
            if not isinstance(task, tuple):
                raise TabularBellmanError(f"tasks[{number}] is {task!r}: give a tuple of arguments, (x,) for one.")
        if self.jobs == 1 and self.client is None:
            return _loop(function, tasks, on_done)
        _need_joblib()
        if self.client is not None:
            _need_distributed()
        return _Mapping(self, function, tasks, what, on_done).results()


def _loop(
    function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], on_done: Callable[[int, int], None] | None
) -> Generator[Any, None, None]:
    for number, task in enumerate(tasks, start=1):
        result = function(*task)
        if on_done is not None:
            on_done(number, len(tasks))
        yield result


class _Outcome(NamedTuple):
    """What a piece came to: a value; or an error, and where it has travelled its traceback as text."""

    value: Any = None
    error: BaseException | None = None
    told: str = ""

    def result(self) -> Any:
        if self.error is None:
            return self.value
        if self.told:
            self.error.add_note(f"In a worker:\n{self.told}")
        raise self.error


class _Mapping:
    """One `map` on workers: rounds of joblib, until there is nothing left to begin again."""

    def __init__(
        self,
        workers: Workers,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Any, ...]],
        what: str,
        on_done: Callable[[int, int], None] | None,
    ) -> None:
        self.workers, self.function, self.tasks, self.what, self.on_done = workers, function, tasks, what, on_done
        self.outcomes: dict[int, _Outcome] = {}
        self.attempts: Counter[int] = Counter()  # of each piece, those that ended with the death of a worker
        self.deaths: Counter[int] = Counter()

    def results(self) -> Generator[Any, None, None]:
        """Yield each result as soon as it and all before it are there."""
        told = position = 0
        with self._client() as client:
            while position < len(self.tasks):
                with closing(self._round(client)) as pieces:
                    for _ in pieces:
                        while told < len(self.outcomes):
                            told += 1
                            if self.on_done is not None:
                                self.on_done(told, len(self.tasks))
                        while position in self.outcomes:
                            yield self.outcomes[position].result()
                            position += 1

    @contextmanager
    def _client(self) -> Iterator[Any]:
        given = self.workers.client
        if not isinstance(given, str):
            if given is not None and given.status != "running":
                raise TabularBellmanError(f"client: it is {given.status}; give one that is connected to its scheduler.")
            yield given
            return
        from distributed import Client

        # In two steps, so that a client that finds no scheduler can be closed here.  Left to the garbage collector, it
        # closes itself whenever that runs; while another client starts, it waits for a lock for ever.
        client = Client.__new__(Client)
        try:
            client.__init__(given, timeout=_CONNECT, set_as_default=False)
        except Exception as error:
            with suppress(Exception):  # there may be little of it to close
                client.close()
            raise TabularBellmanError(
                f"{given}: no Dask scheduler answers there within {_CONNECT} s ({_in_words(error)}). `dask scheduler` "
                "starts one and prints its address; `dask worker ADDRESS` gives it workers."
            ) from error
        with client:
            yield client

    def _round(self, client: Any) -> Generator[None, None, None]:
        """Begin what is left; yield after each piece, and once more when those that were lost are counted."""
        from joblib import Parallel, delayed
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        from tabular_bellman.worker_backends import NoWorkersError, backend

        on = backend(self.workers.backend if client is None else client, self.outcomes)
        facts = None if client is None else _facts()
        travels = client is not None or self.workers.backend == "loky"
        left = [number for number in range(len(self.tasks)) if number not in self.outcomes]
        # Those with one time left get it alone: if a worker dies again, it is clear over what.
        last = [number for number in left if 0 < self.attempts[number] >= self.workers.retries]

        def calls() -> Iterator[Any]:
            for number in last or left:
                if on.lost or number > on.failed:
                    return
                yield delayed(_piece)(number, self.function, self.tasks[number], travels, facts)

        output = None
        try:
            parallel = Parallel(
                n_jobs=self.workers.jobs,
                backend=on,
                return_as="generator_unordered",
                batch_size=1,
                pre_dispatch=1 if last else "2 * n_jobs",
                max_nbytes=None,  # arguments are copies, as large as they may be, and not files that can only be read
            )
            output = parallel(calls())
            for number, outcome in output:
                self.outcomes.setdefault(number, outcome)
                yield
        except TerminatedWorkerError:
            on.lost = dict.fromkeys(on.begun - self.outcomes.keys(), 1)
        except Exception as error:
            away = isinstance(error, NoWorkersError) or (client is not None and client.status != "running")
            if away and (self.outcomes or self.attempts):
                on.lost, on.gone = dict.fromkeys(left, 0), True
            elif isinstance(error, (TabularBellmanError, MemoryError)):
                raise
            else:
                raise TabularBellmanError(
                    f"{self.what}: it cannot be sent to the workers and back ({_to_the_root(error)}). The function, "
                    "its arguments and its result have to be picklable, and every worker needs the packages that they "
                    "are from."
                ) from error
        finally:
            if output is not None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # joblib's, of results that nobody fetches
                    output.close()
        self._count(on.lost, gone=on.gone)
        yield

    def _count(self, lost: dict[int, int], *, gone: bool) -> None:
        """Count what was lost; raise for what may not be begun again."""
        for number, deaths in lost.items():
            self.deaths[number] += deaths
            # What a scheduler has given up was begun several times.
            self.attempts[number] = max(self.attempts[number] + 1, self.workers.retries if deaths > 1 else 0)
        over = sorted(number for number in lost if gone or self.attempts[number] > self.workers.retries)
        if not over:
            return
        known = sorted(self.outcomes.items())
        finished = {number: found.value for number, found in known if found.error is None}
        which = ", ".join(str(number) for number in over[:10]) + (", ..." if len(over) > 10 else "")
        if gone:
            why = (
                "the cluster went away: its scheduler does not answer, or has had no workers for a minute (where each "
                "worker dies that begins a piece, a cluster runs out of them)"
            )
        else:
            times = max(self.deaths[number] for number in over)
            why = ("its worker" if len(over) == 1 else "the worker of one of them") + " died"
            why += f", {times} times" if times > 1 else ""
            why += (
                ". Most often the operating system has ended it, since memory ran out: make the pieces smaller, let "
                "fewer workers share the memory, or give them more"
            )
        raise WorkerLostError(
            f"{self.what} {which} (of {len(self.tasks)}, counted from 0): {why}. Finished: {len(finished)} of "
            f"{len(self.tasks)}.",
            finished,
            over,
        )


def _piece(
    number: int,
    function: Callable[..., Any],
    task: tuple[Any, ...],
    travels: bool,
    facts: tuple[tuple[str, str], ...] | None,
) -> tuple[int, _Outcome]:
    """Run one piece in a worker."""
    try:
        if facts is not None and (here := _facts()) != facts:
            apart = [pair for pair in zip(here, facts, strict=True) if pair[0] != pair[1]]
            theirs, ours = (", ".join(map(" ".join, side)) for side in zip(*apart, strict=True))
            raise TabularBellmanError(
                f"a worker of the cluster has {theirs}; this process {ours}: install the same versions, since results "
                "could differ."
            )
        return number, _Outcome(function(*task))
    except BaseException as error:
        if not travels:
            return number, _Outcome(error=error)
        return number, _Outcome(error=_that_travels(error), told="".join(traceback.format_exception(error)))


@cache
def _facts() -> tuple[tuple[str, str], ...]:
    """Return the versions that results depend on."""
    from importlib.metadata import PackageNotFoundError, version

    from tabular_bellman import __version__

    found = [("Python", f"{sys.version_info.major}.{sys.version_info.minor}"), ("tabular_bellman", __version__)]
    for name in ("numpy", "scipy", "sympy", "hypothesis", "python-flint"):
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed"))
    return tuple(found)


def _that_travels(error: BaseException) -> BaseException:
    from joblib.externals.loky.backend.reduction import dumps

    try:
        pickle.loads(dumps(error))
    except Exception:
        return RuntimeError(_in_words(error))
    return error


def _in_words(error: BaseException) -> str:
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"


def _to_the_root(error: BaseException) -> str:
    """Return an error in words, and what lies behind it: a module that a worker lacks, say."""
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    return _in_words(error) if root is error else f"{_in_words(error)}; {_in_words(root)}"


def _need_joblib() -> None:
    try:
        import joblib  # noqa: F401
        from joblib.parallel import ParallelBackendBase
    except ImportError:
        found = "it is not installed"
    else:
        if hasattr(ParallelBackendBase, "submit"):
            return
        found = "this one is older"
    raise TabularBellmanError(
        f"workers need joblib 1.5 or newer, the extra `parallel` ({found}): pip install joblib; one job needs none."
    )


def _need_distributed() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise TabularBellmanError("a cluster needs Dask, the extra `dask`: pip install distributed.") from None
