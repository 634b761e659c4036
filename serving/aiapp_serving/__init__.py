"""What runs in an app's pods: `fetch` brings the model, `aiapp-serve` answers requests with it."""

from aiapp_serving.errors import InvalidInput

__version__ = "0.1.0"
__all__ = ["InvalidInput", "__version__"]
