"""The soak test: attacks on `python -m trajreg` from outside, again and again. `python tests/soak --help`."""
