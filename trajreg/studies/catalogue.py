"""Every column a run can have: those of the measures first, as tables show them, then those of the training."""

from trajreg.measures import regularity
from trajreg.training.columns import TRAINING_COLUMNS

COLUMNS = regularity.COLUMNS + TRAINING_COLUMNS
