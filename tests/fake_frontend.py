"""Front end for tests of training."""

from popclass.features.definitions import NAMES
from popclass.model.model import Model

CLASSES = ("cavitation", "snapping", "other")


WIDTH = 12


class FakeFrontEnd:
    """A front end as far as training needs one."""

    names = NAMES[:WIDTH]

    def to_json(self):
        return {**Model.default().info["frontend"], "names": list(self.names)}
