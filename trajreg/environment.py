"""environment.yml, for conda users, written from the lock file by `python -m trajreg.environment` (see `make lock`)."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Generated from requirements.lock by `make lock`; change pyproject.toml instead.\n"


def pins(lock_text: str) -> list[str]:
    """The pins of a lock file in their order, environment markers kept, comments and empty lines dropped."""
    lines = (line.strip() for line in lock_text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def environment_yaml(pins: list[str]) -> str:
    """The conda environment that installs exactly `pins` through pip, and then this checkout."""
    # conda supplies only Python and pip, so that one lock file decides every version in both kinds of environment
    requirements = "".join(f"      - {requirement}\n" for requirement in [*pins, "-e ."])
    return (
        f"{HEADER}name: trajreg\nchannels:\n  - conda-forge\n"
        f"dependencies:\n  - python=3.11\n  - pip\n  - pip:\n{requirements}"
    )


def main() -> None:
    """Rewrite environment.yml beside requirements.lock."""
    lock_text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    (ROOT / "environment.yml").write_text(environment_yaml(pins(lock_text)), encoding="utf-8")


if __name__ == "__main__":
    main()
