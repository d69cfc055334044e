"""Counts and lists in words, right for none, one and all."""

from collections.abc import Iterable


def some(count: int, what: str) -> str:
    """8 comparisons, one comparison."""
    return f"one {what}" if count == 1 else f"{count} {what}s"


def every(count: int, what: str) -> str:
    """all 8 comparisons, both comparisons, the one comparison."""
    return {1: f"the one {what}", 2: f"both {what}s"}.get(count, f"all {count} {what}s")


def share(part: int, count: int, what: str) -> str:
    """6 of 140 runs, none of 140 runs, all 140 runs; of a single one: the one run, no run."""
    if part == count:
        return every(count, what)
    return f"no {what}" if count == 1 else f"{part or 'none'} of {count} {what}s"


def ends(texts: Iterable[str]) -> str:
    """79 % to 100 %, or the one where they are alike."""
    return " to ".join(dict.fromkeys(texts))


def listed(texts: list[str]) -> str:
    """one, two and three"""
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
