"""How long drawings take, beside Graphviz where it is installed: `python benchmarks/drawings.py --help`."""

import sys
from pathlib import Path

# A script finds only its own folder; the package lies one above it, as does graphc in a clone.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
    from benchmarks.drawn import main

    sys.exit(main())
