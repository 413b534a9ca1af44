"""The benchmark suite: `python benchmarks/suite.py --help`."""

import os
import sys
from pathlib import Path

# A script finds only its own folder; the package lies one above it, as does graphc in a clone.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
    # Two cores for everyone. Libraries count the cores when they are imported, so this comes first.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])

    from benchmarks.command import main

    sys.exit(main())
