"""An effect, its interval, the no-effect line and the effects too small to count, as inline SVG.

No effect is always the middle and the claim's direction always the right, so that rows read alike; the scale is the
row's own (logarithmic for ratios). Colours come from the style sheet.
"""

import math

from markupsafe import Markup, escape

WIDTH, HEIGHT = 180, 24
_CENTRE, _MIDDLE, _REACH = WIDTH / 2, HEIGHT / 2, WIDTH / 2 - 8


def interval_svg(*, kind: str, effect: float, low: float, high: float, smallest: float, label: str) -> Markup:
    """The plot as `<svg>`; an infinite end becomes an arrow at the edge, an unknown one draws no interval."""
    effect, low, high, smallest = (_offset(value, kind) for value in (effect, low, high, smallest))
    smallest = abs(smallest)
    finite = [abs(value) for value in (effect, low, high, 2 * smallest) if math.isfinite(value)]
    # an extent of 0 (everything exactly at no effect) would divide by zero
    extent = 1.1 * max(finite, default=0) or 1.0

    def x(value: float) -> float:
        return round(_CENTRE + _REACH * max(-1.0, min(1.0, value / extent)), 1)

    parts = []
    if math.isfinite(smallest):
        parts.append(
            f'<rect class="band" x="{x(-smallest)}" y="0" width="{x(smallest) - x(-smallest):.1f}" height="{HEIGHT}"/>'
        )
    parts.append(f'<path class="null" d="M{_CENTRE} 0V{HEIGHT}"/>')
    if not (math.isnan(low) or math.isnan(high)):
        parts.append(f'<path class="bar" d="M{x(low)} {_MIDDLE}H{x(high)}"/>' + _end(x(low), low) + _end(x(high), high))
    if math.isfinite(effect):
        parts.append(f'<circle class="dot" cx="{x(effect)}" cy="{_MIDDLE}" r="4"/>')
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return Markup(f'<svg class="interval" role="img" aria-label="{escape(label)}" {size}>{"".join(parts)}</svg>')


def _offset(value: float, kind: str) -> float:
    """How far `value` is from no effect: logarithmic for a ratio, with 0 infinitely far."""
    if kind != "ratio" or math.isnan(value):
        return value
    return math.log(value) if value > 0 else -math.inf


def _end(x: float, value: float) -> str:
    """The end of the bar: a cap where it is known, an arrow where it goes on."""
    if math.isfinite(value):
        return f'<path class="bar" d="M{x} {_MIDDLE - 4}v8"/>'
    tip = math.copysign(6, value)
    return f'<path class="arrow" d="M{x} {_MIDDLE - 5}l{tip} 5l{-tip} 5z"/>'
