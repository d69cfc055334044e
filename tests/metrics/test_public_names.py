"""What `import trajreg` offers, and that it waits for nothing."""

import subprocess
import sys

import pytest

import trajreg


def test_dir_lists_the_public_names_and_all_of_them_are_there():
    assert dir(trajreg) == sorted([*trajreg.__all__, "__version__"])
    for name in trajreg.__all__:
        assert getattr(trajreg, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'trajreg' has no attribute 'gamma'"):
        _ = trajreg.gamma


def test_the_version_is_that_of_the_package_or_unknown_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"1.2 of {name}")
    assert trajreg.__version__ == "1.2 of trajreg"

    def missing(name):
        from importlib.metadata import PackageNotFoundError

        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    assert trajreg.__version__ == "0+unknown"


def test_importing_the_package_imports_neither_torch_nor_pandas():
    code = "import sys, trajreg; dir(trajreg); print(sorted({'torch', 'pandas', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
