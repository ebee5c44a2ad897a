"""``python -m benchmarks``: settle the threads, then measure."""

import sys

from benchmarks.threads import limit_threads, threads_asked_for

if __name__ == "__main__":
    limit_threads(threads_asked_for(sys.argv[1:]))
    from benchmarks.cli import main

    sys.exit(main())
