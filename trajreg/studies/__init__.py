"""Figures as data: what is varied, over which seeds, what is claimed, and the tables and verdicts that follow from runs.

- `spec`: a figure's params file as a strict model, and its variants
- `kinds`: the kinds of run, and what a figure wants of one
- `params`: reading params files (YAML 1.2)
- `catalogue`: every column a run can have
- `claim_spec`: a claim, and whether its metric is on offer
- `run`: one finished run, as tables
- `tables`: tidy tables of a figure
- `claims`: paired effects, intervals, verdicts and their error rates
- `decomposition`: what the compared ratios of γ are made of
- `null_table`: γ against random walks, shuffled updates and random labels
- `names`: what a reader sees in place of a setting
- `medians`, `numbers`, `labels`: what becomes of unknown values, numbers in words, names for settings
"""
