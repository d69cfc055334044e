"""Files that are written in one piece, and believed only as they were written."""

import errno
import os

import pytest

from trajreg.files import CannotWrite, Damaged, read_sealed, set_aside, write_bytes, write_json, write_sealed, writing

VALUES = {"a": 0.1, "b": {"c": [1, "γ", None]}, "d": float("inf")}


def test_what_is_sealed_is_read_back(tmp_path):
    path = write_sealed(tmp_path / "some" / "manifest.json", VALUES)
    assert read_sealed(path) == VALUES
    assert [one.name for one in path.parent.iterdir()] == ["manifest.json"]


def test_every_flipped_bit_of_a_sealed_file_is_noticed(tmp_path):
    path = write_sealed(tmp_path / "manifest.json", VALUES)
    content = path.read_bytes()
    for place in range(len(content)):
        for bit in range(8):
            spoilt = bytearray(content)
            spoilt[place] ^= 1 << bit
            path.write_bytes(spoilt)
            with pytest.raises(Damaged, match=r"^manifest\.json (was changed since it was written|is unreadable)"):
                read_sealed(path)


@pytest.mark.parametrize("cut", [0, 1, 2, 40, 90, 120])
def test_what_was_cut_or_never_sealed_is_not_believed(tmp_path, cut):
    path = write_sealed(tmp_path / "manifest.json", VALUES)
    path.write_bytes(path.read_bytes()[:-cut] if cut else b"")
    with pytest.raises(Damaged):
        read_sealed(path)
    write_json(path, VALUES)
    with pytest.raises(Damaged):
        read_sealed(path)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "some.txt cannot be written: No space left on device in {} ({:,} bytes are needed, "),
        (errno.EROFS, "some.txt cannot be written: {} does not allow it (Read-only file system); work in a checkout"),
        (errno.EACCES, "some.txt cannot be written: {} does not allow it (Permission denied); work in a checkout"),
    ],
)
def test_a_disk_that_takes_nothing_is_one_line_and_leaves_what_was_there(tmp_path, monkeypatch, number, said):
    path = write_bytes(tmp_path / "some.txt", b"before")

    def full(*arguments):
        raise OSError(number, os.strerror(number), str(tmp_path / "x"))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CannotWrite) as told:
        write_bytes(path, bytes(10**15 // 10**9))
    assert str(told.value).startswith(said.format(tmp_path, 10**6))
    assert [one.name for one in tmp_path.iterdir()] == ["some.txt"]
    assert path.read_bytes() == b"before"


def test_how_much_is_missing_is_said(tmp_path):
    message = r"^a run cannot be written: No space .* are missing\); make room"
    with pytest.raises(CannotWrite, match=message), writing("a run", tmp_path, 10**18):
        raise OSError(errno.ENOSPC, "full")


def test_other_errors_are_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), writing("a run", tmp_path):
        (tmp_path / "not" / "there").read_text()


def test_what_is_set_aside_takes_a_free_name(tmp_path):
    for number in range(3):
        (tmp_path / "link").symlink_to("nowhere")
        aside = set_aside(tmp_path / "link", "link", tmp_path / "corrupt")
        assert aside == tmp_path / "corrupt" / ("link" if number == 0 else f"link.{number}")
        assert aside.is_symlink()
