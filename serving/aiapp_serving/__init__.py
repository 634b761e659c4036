"""What runs in an app's pods: `fetch` brings the model, `aiapp-serve` answers requests with it."""

from aiapp_serving.errors import InvalidInput
from aiapp_serving.trace import trace_headers

__version__ = "0.1.0"
__all__ = ["InvalidInput", "__version__", "trace_headers"]
