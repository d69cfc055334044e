"""`python tests/soak`."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # the folder of tests, whose package this is
sys.path.insert(1, str(Path(__file__).resolve().parents[2]))  # the library of this checkout

from soak.run import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
