"""What is kept of θ_0 … θ_T while a net trains, and what is computed from it at the end.

- `recorder.TrajectoryRecorder`: wraps the optimiser's step of any PyTorch loop
- `store`: every iterate, in memory or memory-mapped; exact
- `epoch`: one iterate an epoch; exact for epoch means (Identity B), no per-step γ
- `sketch`: a random projection of every update; unbiased, with standard errors, exact for epoch sums
"""
