"""What figures show as a rule: from runs to a `Product` that `Study.save` takes. A function a file, of (figure, runs, random_runs).

- `panels`: columns of epochs against epochs
- `summary`: a row a variant, mean ± standard deviation
- `values`: the numbers of each run
- `ledger`: the verdicts on the figure's claims (`claims` is a parameter of a notebook)
- `decomposition`: what the compared ratios of γ are made of
- `principle`: whether the principle holds, at which steps and for which runs
- `nulls`: γ against random walks, shuffled updates and random labels
- `response`: whole runs against the learning rate
- `speed`, of all sources of a figure: steps to a loss against γ and direction, and what early numbers foretell
- `trainings`, of the same: a row a variant

A product of another kind is a function of the same form in a file of its own; a picture or a table alone needs none.
"""
