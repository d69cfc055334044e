"""Data specs: defaults are resolved, options that do not fit are refused in words."""

import pytest

from trajreg.data.load import DATASETS
from trajreg.data.sources import SOURCES, source_checksum
from trajreg.data.spec import DATA_SPECS, LabelledSpec, parse_data
from trajreg.errors import InputError

NEEDED = {"path": "a.npz", "eigenvalues": [2.0, 0.5]}  # options without a default


def parse(**values):
    return parse_data(values, "a.yaml")


def test_the_names_are_those_of_the_dicts():
    assert list(DATA_SPECS) == list(DATASETS)
    assert {*DATASETS} - {"archive"} == SOURCES.keys()


@pytest.mark.parametrize("name", DATA_SPECS)
def test_defaults_spelled_out_are_no_part_of_a_specs_identity(name):
    needed = {option: value for option, value in NEEDED.items() if option in DATA_SPECS[name].model_fields}
    fields = DATA_SPECS[name].model_fields.items()
    defaults = {option: field.default for option, field in fields if not field.is_required()}
    spelled_out = parse(name=name, **needed, **defaults)
    assert spelled_out == parse(name=name, **needed)
    assert spelled_out.model_dump(mode="json", exclude_defaults=True) == {"name": name, **needed}


@pytest.mark.parametrize("name", DATA_SPECS)
def test_every_set_says_whether_its_targets_are_shuffled(name):
    needed = {option: value for option, value in NEEDED.items() if option in DATA_SPECS[name].model_fields}
    assert parse(name=name, **needed).shuffle_targets is False
    if issubclass(DATA_SPECS[name], LabelledSpec):
        assert parse(name=name, **needed, shuffle_targets=True).shuffle_targets


@pytest.mark.parametrize(
    ("values", "resolved"),
    [
        ({"name": "digits10"}, {"num_train": None, "num_test": None, "shuffle_targets": False, "deal": 0}),
        ({"name": "digits100", "num_train": None}, {"num_train": 2000, "num_test": 500}),
        (
            {"name": "digits_seg", "canvas": 24},
            {"num_train": 512, "num_test": 128, "canvas": 24, "digits_per_image": 2},
        ),
        ({"name": "quadratic", "eigenvalues": [2, 0.5]}, {"num_train": None, "eigenvalues": (2.0, 0.5)}),
    ],
)
def test_the_sets_defaults_are_in_the_spec(values, resolved):
    spec = parse(**values)
    assert {option: getattr(spec, option) for option in resolved} == resolved
    assert parse(**spec.model_dump(mode="json")) == spec
    assert hash(parse(**values)) == hash(spec)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "a.yaml: name is missing"),
        ({"name": ["digits10"]}, "a.yaml: name = "),
        ({"name": "mnist"}, "a.yaml: name = 'mnist': input should be one of 'digits10', .*'quadratic'"),
        ({"name": "digits10", "num_train": 0}, "a.yaml: num_train = 0: .* greater than or equal to 1"),
        ({"name": "digits10", "num_train": 1.0}, "num_train = 1.0: .*integer"),
        ({"name": "digits10", "folder": "x"}, "folder is not a known key"),
        (
            {"name": "digits10", "canvas": 16},
            "a.yaml: canvas = 16: canvas is an option of digits_seg.*; digits10 takes num_train, num_test, shuffle_targets, deal, augment$",
        ),
        ({"name": "cifar10", "path": "x"}, "path = 'x': path is an option of archive.*; cifar10 takes num_train"),
        (
            {"name": "digits_seg", "ignore_index": 0},
            "ignore_index is an option of archive.*; digits_seg takes .*canvas",
        ),
        (
            {"name": "quadratic", "eigenvalues": [1.0], "num_test": 3},
            "num_test is an option of digits10, .*archive.*; quadratic takes num_train, eigenvalues",
        ),
        ({"name": "digits_seg", "canvas": 15}, "canvas = 15 is too small for digits_per_image = 2 .* 16 is the least"),
        ({"name": "digits_seg", "digits_per_image": 5}, "canvas = 16 is too small for digits_per_image = 5 .* 24 is"),
        ({"name": "digits10", "shuffle_targets": 1}, "shuffle_targets = 1: .*valid boolean"),
        ({"name": "digits10", "deal": 2}, "deal = 2 needs shuffle_targets: true"),
        ({"name": "digits10", "shuffle_targets": True, "deal": -1}, "deal = -1: .*greater than or equal to 0"),
        (
            {"name": "quadratic", "eigenvalues": [1.0], "shuffle_targets": True},
            "shuffle_targets is an option of digits10, .*archive.*; quadratic takes num_train, eigenvalues",
        ),
        (
            {"name": "quadratic", "eigenvalues": [1.0], "augment": {}},
            "augment is an option of digits10, .*archive.*; quadratic takes num_train, eigenvalues",
        ),
        ({"name": "cifar10", "augment": {"padding": -1}}, "augment.padding = -1: .*greater than or equal to 0"),
        ({"name": "cifar10", "augment": {"crop": 4}}, "augment.crop is not a known key; allowed: padding, flip"),
        ({"name": "cifar10", "augment": True}, "augment = True: input should be a valid dictionary or .*AugmentSpec"),
        ({"name": "quadratic"}, "a.yaml: eigenvalues is missing"),
        ({"name": "archive"}, "a.yaml: path is missing"),
        ({"name": "quadratic", "eigenvalues": []}, "eigenvalues = .*at least 1"),
        ({"name": "quadratic", "eigenvalues": [1.0, 0.0]}, "eigenvalues.1 = 0.0: .*greater than 0"),
        ({"name": "quadratic", "eigenvalues": ["1"]}, "eigenvalues.0 = '1'"),
        ({"name": "quadratic", "eigenvalues": [1, 2], "num_train": 1}, "num_train = 1 is less than the 2 eigenvalues"),
    ],
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        parse(**values)


def test_sources_are_known_without_loading():
    assert source_checksum(parse(name="quadratic", eigenvalues=[1.0])) == "closed-form"
    assert source_checksum(parse(name="digits10")) == source_checksum(parse(name="digits_seg"))


def test_the_official_checksums_are_torchvisions():
    datasets = pytest.importorskip("torchvision").datasets
    assert SOURCES["cifar10"] == f"md5:{datasets.CIFAR10.tgz_md5}"
    assert SOURCES["cifar100"] == f"md5:{datasets.CIFAR100.tgz_md5}"
    pets = (md5 for _, md5 in datasets.OxfordIIITPet._RESOURCES)
    assert SOURCES["oxford_pets"] == f"md5:{'+'.join(pets)}"


def test_the_source_of_an_archive_is_the_file(tmp_path):
    path = tmp_path / "a.npz"
    spec = parse(name="archive", path=str(path))
    with pytest.raises(InputError, match=r"a\.npz is missing: there is no such file"):
        source_checksum(spec)
    path.write_bytes(b"one")
    before = source_checksum(spec)
    assert before == source_checksum(spec) == "sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    path.write_bytes(b"other")
    assert source_checksum(spec) != before
