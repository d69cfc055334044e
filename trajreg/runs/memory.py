"""What to say of a run for which there was not enough memory."""

from concurrent.futures import ProcessPoolExecutor

from trajreg.processes import Context
from trajreg.runs.execute import executor
from trajreg.runs.plan import Todo


def killed(todo: Todo) -> str:
    """A run whose process ended without a word, in a line."""
    return f"run {todo.name}: its process was killed (out of memory?); {need(todo)}"


def need(todo: Todo) -> str:
    """What it needs, and what to do; estimated in a process of its own, which may be killed as well."""
    try:
        with ProcessPoolExecutor(1, mp_context=Context()) as pool:
            needed = f"needs about {pool.submit(_estimate, todo).result():,} bytes of memory"
    except Exception:
        needed = "needs more memory than a process gets here"
    where = f" ({todo.wanted.where})" if todo.wanted.where else ""
    return f"it{where} {needed}; use fewer workers (--workers 1), a smaller batch or a narrower net"


def _estimate(todo: Todo) -> int:
    return executor(todo.spec).memory(todo)
