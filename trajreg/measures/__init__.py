"""What can be known of a training: one measure a file, with its options, its observer and its columns.

- `measure`: what a measure is; `catalogue`: the measures by name; `epochs`: an option that measures share
- `passes`: a training watched by measures, in the pass that trains it or by verified replay
- `regularity_columns`: the columns of `regularity`; the others: the measures
"""
