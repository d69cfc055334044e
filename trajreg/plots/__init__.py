"""Tables to figures; nothing here trains or estimates.

- `style`: the look of every figure, and saving with the same bytes for the same numbers
- `curves`: loss, γ and alignment against epochs
- `decomposition_bars`: what the ratios of γ are made of, as bars
- `plane`: trajectories in a plane
"""
