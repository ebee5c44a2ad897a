"""Dask clusters on this machine."""

from contextlib import contextmanager

import pytest


@contextmanager
def dask_cluster(n_workers=2, threads_per_worker=1, processes=True):
    """Start a cluster and yield a client of it; the death of a second worker is one too many for a piece of work.

    A worker that happens to be starting again so long after it was lost is not given up.
    """
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    with (
        dask.config.set(
            {"distributed.scheduler.allowed-failures": 1, "distributed.deploy.lost-worker-timeout": "1 hour"}
        ),
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=threads_per_worker,
            processes=processes,
            dashboard_address=":0",  # any port
            worker_dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client
