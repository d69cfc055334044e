"""Estimators on a trajectory: pure functions that know no technique, store or figure.

- `regularity`: the regularity parameter γ at each step, its null and its excess; Theorem 1's bound
- `directedness`: D, displacement squared over the sum of squared steps, which with the walk's γ makes γ
- `structure`: how far steps k apart are from each other: ballistic, diffusive or confined
- `aggregate`: the same over stretches of steps (ratios of sums), and the summary of a run
- `summary`: a trajectory early, late and as a whole, to be looked at
- `partial`: the same where only the steps of some epochs are known
- `arrays`: what callers gave, checked
- `factors`: what γ, and a difference in γ between two trajectories, is made of
- `hessian`, `sharpness`: products of the Hessian of a net's mean loss with vectors; its largest eigenvalues
- `shuffled`: γ along paths that make the same updates in a random order
- `other_end`: a run's displacement and the way to another run's end point
"""
