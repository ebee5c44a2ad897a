"""No tests and no doctests here; to collect these modules would import torch and jax."""

collect_ignore_glob = ["*.py"]
