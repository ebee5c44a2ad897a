"""Speed, side by side in one run: ``python -m benchmarks`` in a clone of the repository.

Nothing here is installed.  This file imports nothing: `__main__` settles the number of threads before NumPy is loaded.
"""
