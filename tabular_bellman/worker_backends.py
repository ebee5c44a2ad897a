"""joblib's backends, so that nothing finished is lost with a worker, and no lost worker is waited for.

When a worker dies, joblib drops results that have arrived and were not fetched yet: here they are kept at once.  And
joblib's Dask backend passes on results alone: of a piece that the cluster gave up it never hears, and waits for ever;
arguments that it sends ahead are gone with the worker that holds them.  Here a piece travels whole, and whatever
becomes of it is passed on.
"""

import math
import threading
import time
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import Any, Final
from uuid import uuid4

from joblib.parallel import LokyBackend, ParallelBackendBase, ThreadingBackend

from tabular_bellman.errors import TabularBellmanError

__all__ = ["PATIENCE", "NoWorkersError", "backend"]

PATIENCE: Final = 60.0
"""For how many seconds a cluster may be without workers, or out of reach."""


class NoWorkersError(TabularBellmanError):
    """A cluster without workers."""


class _Keeping:
    """What is known of each piece, as soon as it is known; pieces have numbers.

    Attributes
    ----------
    outcomes : dict of int to Any
        What the pieces came to, those of earlier rounds too.
    begun : set of int
        The pieces that were handed to workers.
    failed : float
        The first piece that ended in an error; inf while there is none.
    lost : dict of int to int
        Of each piece that was lost, how many workers died over it.
    gone : bool
        Whether the cluster went away.
    """

    def __init__(self, outcomes: dict[int, Any], **options: Any) -> None:
        super().__init__(**options)
        self.outcomes = outcomes
        self.begun: set[int] = set()
        self.failed = min((number for number, found in outcomes.items() if found.error is not None), default=math.inf)
        self.lost: dict[int, int] = {}
        self.gone = False

    def submit(self, func: Any, callback: Any = None) -> Any:
        """Hand a batch of one piece to a worker; the number is the first of its arguments."""
        self.begun.add(_number(func))
        return super().submit(func, callback)  # type: ignore[misc]

    def retrieve_result_callback(self, out: Any) -> Any:
        """Take what came back, in the thread where it arrives."""
        return self.keep(super().retrieve_result_callback(out))  # type: ignore[misc]

    def keep(self, results: Any) -> Any:
        """Keep what a batch came to."""
        for number, found in results:
            self.outcomes[number] = found
            if found.error is not None:
                self.failed = min(self.failed, number)
        return results


def _number(batch: Any) -> int:
    ((_, arguments, _),) = batch.items
    number: int = arguments[0]
    return number


class _Loky(_Keeping, LokyBackend):  # type: ignore[misc]
    pass


class _Threading(_Keeping, ThreadingBackend):  # type: ignore[misc]
    pass


def backend(on: Any, outcomes: dict[int, Any]) -> Any:
    """Return a backend that keeps outcomes there: "loky", "threading", or on a `distributed.Client`."""
    if on == "loky":
        return _Loky(outcomes)
    return _Threading(outcomes) if on == "threading" else _dask(on, outcomes)


def _dask(client: Any, outcomes: dict[int, Any]) -> Any:
    from distributed.scheduler import KilledWorker
    from joblib._dask import DaskDistributedBackend

    class Pieces(_Keeping, DaskDistributedBackend):  # type: ignore[misc]
        def effective_n_jobs(self, n_jobs: int) -> int:
            try:
                return max(2, int(super().effective_n_jobs(n_jobs)))  # with 1 joblib stays in this process
            except TimeoutError:
                raise NoWorkersError(
                    f"{client.scheduler.address}: this cluster has no workers, and none came within {PATIENCE:g} s; "
                    "`dask worker ADDRESS` starts some."
                ) from None

        def get_nested_backend(self) -> Any:
            return ParallelBackendBase.get_nested_backend(self)

        def start_call(self) -> None:
            self._flying: dict[Future[Any], tuple[int, Any]] = {}
            self._over = threading.Event()
            threading.Thread(target=self._watch, args=(self._over,), daemon=True).start()

        def stop_call(self) -> None:
            self._over.set()

        def abort_everything(self, ensure_ready: bool = True) -> None:  # noqa: ARG002
            for _, future in list(self._flying.values()):
                future.release()  # what waits for a worker is forgotten; what runs ends by itself

        def submit(self, func: Any, callback: Any = None) -> Any:
            piece: Future[Any] = Future()
            if callback is not None:
                piece.add_done_callback(callback)
            try:
                name = f"tabular_bellman-{_number(func)}-{uuid4().hex}"
                future = self.client.submit(func, key=name, pure=False)
            except Exception as error:
                self._failed(piece, _number(func), error)
            else:
                self._flying[piece] = _number(func), future
                future.add_done_callback(partial(self._landed, piece, _number(func)))
            return piece

        def retrieve_result_callback(self, out: Any) -> Any:
            return self.keep(out.result())

        def _landed(self, piece: "Future[Any]", number: int, future: Any) -> None:
            try:
                self._settle(piece, future.result(timeout=10.0 * PATIENCE))
            except Exception as error:
                self._failed(piece, number, error)
            future.release()

        def _failed(self, piece: "Future[Any]", number: int, error: Exception) -> None:
            if isinstance(error, KilledWorker):
                self._give_up(piece, number, error.allowed_failures + 1)
            elif isinstance(error, (CancelledError, TimeoutError)) or self.client.status != "running":
                self.gone = self.gone or self.client.status != "running"
                self._give_up(piece, number, 0)
            else:
                self._settle(piece, error)

        def _give_up(self, piece: "Future[Any]", number: int, deaths: int) -> None:
            if not piece.done():
                self.lost[number] = deaths
                self._settle(piece, [])

        def _settle(self, piece: "Future[Any]", found: Any) -> None:
            self._flying.pop(piece, None)
            with suppress(InvalidStateError):  # given up already
                piece.set_exception(found) if isinstance(found, Exception) else piece.set_result(found)

        def _watch(self, over: threading.Event) -> None:
            """Give up the pieces once the cluster has had no worker for too long, or does not answer."""
            seen = time.monotonic()
            while not over.wait(min(1.0, 0.1 * PATIENCE)):
                with suppress(Exception):  # it does not answer
                    if self.client.sync(self.client.scheduler.ncores, callback_timeout=PATIENCE):
                        seen = time.monotonic()
                if time.monotonic() - seen > PATIENCE:
                    self.gone = True
                    for piece, (number, _) in list(self._flying.items()):
                        self._give_up(piece, number, 0)

    return Pieces(outcomes, client=client, wait_for_workers_timeout=PATIENCE)
