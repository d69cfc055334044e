"""What is kept of θ_0 … θ_T while a net trains, and what is computed from it at the end.

- `recorder.TrajectoryRecorder`: wraps the optimiser's step of any PyTorch loop
- `store`: every iterate, in memory or memory-mapped; exact
- `epoch`: one iterate an epoch; exact for epoch means (Identity B), no per-step γ
- `replay`: distances to a known θ_T while an epoch is run once more; exact, no iterates (`trajreg.training.replay` runs it)
"""
