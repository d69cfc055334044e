"""Where numbers come from: commit, lock file, versions, hardware."""

import hashlib
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("trajreg", "torch", "numpy", "pandas", "scikit-learn", "papermill", "matplotlib", "seaborn")


def machine() -> dict[str, Any]:
    """Processor, operating system, Python and the versions of the packages that make the numbers and the figures."""
    return {
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    } | {package: _version(package) for package in PACKAGES}


def source(root: Path) -> dict[str, Any]:
    """Commit, whether tracked files differ from it (results aside), and the hash of the lock file."""
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--", ".", ":!results")
    lock = root / "requirements.lock"
    return {
        "commit": commit or "unknown (not a git checkout)",
        "dirty": bool(changed) if commit else None,
        "lock": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else None,
    }


def num_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        fields = dict(line.split(":", 1) for line in info.read_text().splitlines()[:40] if ":" in line)
        fields = {key.strip(): value.strip() for key, value in fields.items()}
        # the vector extensions decide which arithmetic PyTorch chooses, and so the bytes of a result
        vectors = [flag for flag in ("avx512f", "avx2") if flag in fields.get("flags", "").split()]
        return " ".join([fields.get("model name", platform.machine()), *vectors[:1]])
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(root: Path, *arguments: str) -> str | None:
    try:
        result = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
