"""The measures by name. A new one is a file beside this and a line here."""

from trajreg.measures.early import Early
from trajreg.measures.endpoint import Endpoint
from trajreg.measures.measure import Measure
from trajreg.measures.regularity import Regularity
from trajreg.measures.sharpness import Sharpness
from trajreg.measures.structure import Structure

MEASURES: dict[str, type[Measure]] = {
    "regularity": Regularity,
    "sharpness": Sharpness,
    "endpoint": Endpoint,
    "structure": Structure,
    "early": Early,
}
