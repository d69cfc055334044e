"""Estimators on a trajectory: pure functions that know no technique, store or figure.

- `regularity`: the regularity parameter γ at each step, its null and its excess; Theorem 1's bound
- `aggregate`: the same over stretches of steps (ratios of sums), and the summary of a run
- `partial`: the same where only the steps of some epochs are known
- `factors`: what a difference in γ between two trajectories is made of: alignment, distance, update, loss
- `hessian`, `sharpness`: products of the Hessian of a net's mean loss with vectors; its largest eigenvalues
- `shuffled`: γ along paths that make the same updates in a random order
"""
