"""Figures as data: what is asked, in what setting, and the tables and verdicts that follow from runs.

- `question`: what a figure asks: contrasts, and the measures of success that judge them
- `setting`: in what setting a profile asks it: what is trained and varied, and the variants that follow
- `rates`: each variant at the shared learning rate and at its own
- `figure`: a question in a setting, with its claims and the runs it wants
- `problems`: what is wrong with a question in a setting
- `params`: reading both from files (YAML 1.2)
- `kinds`: the kinds of run, and what a figure wants of one
- `catalogue`: every column a run can have
- `run`: one finished run, as tables
- `tables`: tidy tables of a figure
- `effects`: what runs and pairs of runs say of a claim
- `claims`: the ledger, a row a claim and cell
- `rule`, `rule_text`: from paired effects to intervals, verdicts and their error rates, and the same in words
- `product`: a picture or a table of a figure, with its words
- `decomposition`: what the compared ratios of γ are made of
- `null_table`: γ against random walks, shuffled updates and random labels
- `medians`, `numbers`, `names`: what becomes of unknown values, numbers in words, names for settings
"""
