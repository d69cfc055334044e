"""Every column a run of any kind can have: those of the measures first, as tables show them, then those of the kinds."""

from trajreg.columns import Columns
from trajreg.measures.catalogue import MEASURES
from trajreg.studies.kinds import KINDS

COLUMNS = sum((one.COLUMNS for one in MEASURES.values()), Columns()) + sum(
    (kind.COLUMNS for kind in KINDS.values()), Columns()
)
