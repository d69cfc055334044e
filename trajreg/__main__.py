"""`python -m trajreg`."""

import sys

from trajreg.cli import main

sys.exit(main())
