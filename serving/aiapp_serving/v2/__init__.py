"""The Open Inference Protocol, version 2, as REST."""
