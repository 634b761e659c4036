"""`aiapp-model`: turns an estimator into a model version, and uploads it so that it counts only when it is whole."""

from aiapp_packing.choices import Choices
from aiapp_packing.errors import PackingError
from aiapp_packing.packing import Packed, pack

__all__ = ["Choices", "Packed", "PackingError", "pack"]
