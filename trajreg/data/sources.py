"""The identity of what a data set is made from, without loading it. Imports no torch."""

import shlex
from pathlib import Path

from trajreg.data.spec import ArchiveSpec, DataSpec, VisionSpec
from trajreg.errors import InputError
from trajreg.files import file_checksum

FOLDER = Path("datasets")  # downloads, and the archives that are made of them; from the working directory

# SHA-256 of images (1797, 8, 8), then labels (1797,), each as uint8 in C order; scikit-learn's load_digits
DIGITS = "sha256:87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"

# of the official archives, as torchvision checks them when it downloads
SOURCES = {
    "digits10": DIGITS,
    "digits100": DIGITS,
    "digits_seg": DIGITS,
    "cifar10": "md5:c58f30108f718f92721af3b95e74349a",
    "cifar100": "md5:eb9058c3a382ffc7106e4002c42a8d85",
    "oxford_pets": "md5:5c4f3ee8e5d25df40f4fd59a7f44e54c+95a8c909bbe2e81eed6a22bccdf3f68f",
    "quadratic": "closed-form",
}


def source_checksum(spec: DataSpec) -> str:
    """The checksum of the source of a data set: known beforehand, or the SHA-256 of the file of an archive.

    What is made of the source (the choice of samples, the order of targets) follows from the spec and the library.

    Raises InputError when there is no such file.
    """
    if not isinstance(spec, ArchiveSpec):
        return SOURCES[spec.name]
    try:
        return f"sha256:{file_checksum(Path(spec.path))}"
    except FileNotFoundError:
        raise missing_archive(spec.path) from None
    except OSError as error:
        raise InputError(f"archive {spec.path} cannot be read: {error.strerror}") from None


def missing_archive(path: str) -> InputError:
    """What to say where there is no such archive; of a set that can be downloaded, the command that makes it comes last."""
    name, text = Path(path).stem, f"archive {path} is missing"
    if Path(path).name not in [f"{one}.npz" for one in VisionSpec.names()]:
        return InputError(f"{text}: there is no such file, seen from the working directory")
    to = "" if Path(path) == FOLDER / f"{name}.npz" else f" --to {shlex.quote(path)}"
    return InputError(f"{text}; this downloads {name} and makes it: python -m trajreg fetch {name}{to}")
