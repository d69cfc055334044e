"""Tables to figures; nothing here trains or estimates.

- `style`: the look of every figure, and saving with the same bytes for the same numbers
- `plot`, `trajectory`: tables of anybody's trainings: loss, γ with its nulls, D, forward cosine
- `curves`: any columns of epochs against epochs: loss, γ and alignment
- `decomposition_bars`: what the ratios of γ are made of, as bars
- `null_panels`: γ against its nulls
- `response`: numbers of whole runs against the learning rate
- `checkpoints`: loss, γ and distance between the checkpoints of a training
- `overview`: all comparisons of a report in one picture
- `plane`: trajectories in a plane
"""
