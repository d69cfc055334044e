"""One training: what it is (`spec`), its random streams, its optimiser, the loop, and what is measured each epoch."""
