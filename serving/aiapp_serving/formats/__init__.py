"""Models that are served by themselves, with no code of their user's; found by their content, never by their name."""

from aiapp_serving.formats.admin import AdminChoices
from aiapp_serving.formats.load import load

__all__ = ["AdminChoices", "load"]
