"""Numbers in the typography of a text."""

import math

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """Three significant digits: −0.031, 12,300, 4.2×10⁻⁷, ∞, unknown."""
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    rounded = float(f"{value:.3g}")
    size = abs(rounded)
    if rounded and not 1e-3 <= size < 1e5:
        mantissa, exponent = f"{rounded:.2e}".split("e")
        text = f"{float(mantissa):g}×{power_of_ten(int(exponent))}"
    else:
        text = f"{rounded:,.0f}" if size >= 1000 else f"{rounded:g}"
    return text.replace("-", "−")


def power_of_ten(exponent: int) -> str:
    """10⁻⁷."""
    return power(10, exponent)


def power(base: int, exponent: int) -> str:
    """2⁻¹⁰."""
    return f"{base}{str(exponent).translate(_SUPERSCRIPTS)}"
