"""Asks image registries, by the OCI distribution protocol, which tags there are and what they stand for."""

from aiapp_operator.registry.client import Registry

__all__ = ["Registry"]
