"""`python -m trajreg`, and the command `trajreg`."""

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

STOPPED = "stopped; finished runs are stored, the same command goes on from there"


def run() -> NoReturn:
    """The command line of this process, which Ctrl-C ends at any moment with one line."""
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(130))  # until there is something to stop
    status = _status()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(status)  # nothing is left to do; while Python tidies up, Ctrl-C would end it without a word


def _status() -> int:
    try:
        from trajreg.processes import end_on_signals

        end_on_signals(STOPPED)
        from trajreg.cli import main  # only now: importing takes a while, and Ctrl-C may come in it

        return main()
    except SystemExit as end:  # of the parser: --help, or an option that there is not
        return end.code if isinstance(end.code, int) else 1
    except (ImportError, MemoryError, RuntimeError) as error:
        from trajreg.errors import is_lack_of_memory

        if not is_lack_of_memory(error):
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"error: trajreg itself has too little memory ({reason}): raise the limit (ulimit -v)", file=sys.stderr)
        return 2


if __name__ == "__main__":
    run()
