"""γ of a training that is over, from the checkpoints and the log that it left.

- `table.from_checkpoints`: a row a stretch between two checkpoints
- `file`, `state_dicts`: reading checkpoints, and which of their tensors are θ
- `order`: which come after which, and after how many steps each was saved
- `distances`: how far they are from the last one and from each other
- `training_log`, `logged_stretches`: losses and learning rates by step, and over the stretches between checkpoints
"""
