"""The style sheet: every text has the contrast that WCAG 2 asks of it (AA, 4.5 to 1), on screen by day and by night and on paper."""

import re
from pathlib import Path

import pytest
from matplotlib.colors import to_rgb

STYLE = (Path(__file__).resolve().parents[2] / "trajreg/report/style.css").read_text(encoding="utf-8")
INKS = ("ink", "quiet", "link", "yes", "no", "unsure")
PAIRS = [(ink, ground) for ground in ("ground", "raised") for ink in INKS]
PAIRS += [(ink, "warn") for ink in ("warn-ink", *INKS)]  # a cell that differs holds verdicts and links
PAIRS += [("ground", ink) for ink in ("yes", "no", "unsure", "link", "quiet")]  # the sign on a verdict's disc


def palette(theme):
    """Variable → colour; what a theme leaves out is that of the light one."""
    blocks = [dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in re.findall(r":root \{([^}]*)\}", STYLE)]
    light, dark, paper = blocks
    return light | {"light": {}, "dark": dark, "paper": paper}[theme]


def luminance(colour):
    """Relative luminance, as WCAG 2 defines it."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_has_the_largest_contrast():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize(("ink", "ground"), PAIRS)
@pytest.mark.parametrize("theme", ["light", "dark", "paper"])
def test_text_can_be_read(theme, ink, ground):
    colours = palette(theme)
    assert contrast(colours[ink], colours[ground]) >= 4.5
