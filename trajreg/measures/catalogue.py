"""The measures by name. A new one is a file beside this and a line here."""

from trajreg.measures.measure import Measure
from trajreg.measures.regularity import Regularity
from trajreg.measures.sharpness import Sharpness

MEASURES: dict[str, type[Measure]] = {
    "regularity": Regularity,
    "sharpness": Sharpness,
}
