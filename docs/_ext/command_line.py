"""The command line and the Makefile as Markdown."""

import argparse
import re
from pathlib import Path

from descriptions import escaped, table

from trajreg import cli

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"


def command_line() -> str:
    """A section a command of `python -m trajreg`; the options of all that work on a profile come first."""
    commands = _commands(cli._parser())
    options = [{_shown(one): one.help or "" for one in _arguments(command)} for command in commands.values()]
    on_profile = [own for own in options if "--profile PROFILE" in own]
    shared = {name: text for name, text in on_profile[0].items() if all(name in other for other in on_profile)}
    parts = ["### Of every command with a profile", _options(shared)]
    for (name, command), own in zip(commands.items(), options, strict=True):
        parts += [f"### `{name}`", escaped((command.description or "").strip())]
        rest = {option: text for option, text in own.items() if option not in shared}
        parts += [_options(rest)] if rest else []
    return "\n\n".join(parts)


def make_targets() -> str:
    """The targets of the Makefile that `make help` lists, and the variables that may be given."""
    text = MAKEFILE.read_text(encoding="utf-8")
    targets = re.findall(r"^([\w-]+):.*?## *(.+)$", text, re.MULTILINE)
    variables = re.findall(r"^([A-Z]+) *\?= *(\S+)", text, re.MULTILINE)
    return "\n\n".join(
        [
            table(["target", "does"], [(f"`make {name}`", escaped(does)) for name, does in targets]),
            table(["variable", "default"], [(f"`{name}=…`", f"`{default}`") for name, default in variables]),
        ]
    )


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (choice,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return dict(choice.choices)


def _arguments(command: argparse.ArgumentParser) -> list[argparse.Action]:
    return [one for one in command._actions if not isinstance(one, argparse._HelpAction)]


def _shown(argument: argparse.Action) -> str:
    """`--figures FIG …`, or the name of what has no flag."""
    value = str(argument.metavar or argument.dest.upper())
    if argument.choices is not None:
        value = "|".join(map(str, argument.choices))
    if not argument.option_strings:
        return value
    flag = argument.option_strings[-1]
    return flag if argument.nargs == 0 else f"{flag} {value}" + (" …" if argument.nargs in ("+", "*") else "")


def _options(options: dict[str, str]) -> str:
    return table(["argument", "meaning"], [(f"`{name}`", escaped(text)) for name, text in options.items()])
