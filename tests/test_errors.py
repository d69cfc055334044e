"""What a refusal looks like: a line a problem, few and short."""

import pickle

from trajreg.errors import LINE, InputError, choices, shown


def test_a_line_a_problem_and_only_the_first_few():
    assert str(InputError("a", "b")) == "a\nb"
    assert str(InputError(*"abcdef")) == "a\nb\nc\nd\ne\n… and 1 more problem"
    assert str(InputError(*"abcdefg")).endswith("\n… and 2 more problems")


def test_a_problem_is_one_printable_line():
    assert str(InputError("a\nb\x1b[31m\u2028\ud800")) == "a b [31m  "


def test_a_long_problem_keeps_its_beginning_and_its_end():
    text = str(InputError(f"params/fig04.yaml: {'x' * 9999}: should be a number"))
    assert text.startswith("params/fig04.yaml: xx")
    assert text.endswith("xx: should be a number")
    assert len(text) <= LINE


def test_a_refusal_comes_out_of_another_process_as_it_was():
    refusal = InputError(*"abcdefg")
    assert str(pickle.loads(pickle.dumps(refusal))) == str(refusal)


def test_values_are_shown_as_python_writes_them_without_their_middle():
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown(list(range(9999)))) == 80


def test_of_very_many_names_the_first_and_the_nearest_are_offered():
    names = [f"name{number}" for number in range(99)]
    assert choices("name98", names).startswith("name98, ")
    assert choices("name98", names).endswith(" more")
    assert choices("c", ["a", "b"], "; ") == "a; b"
