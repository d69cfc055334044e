"""Change what a sealed file says, and seal it again: what a test spoils is then the content, not the seal."""

from trajreg.files import read_sealed, write_sealed


def rewrite(path, without=(), **changed):
    """Give other values to keys, and leave some out."""
    known = read_sealed(path) | changed
    write_sealed(path, {key: value for key, value in known.items() if key not in without})
