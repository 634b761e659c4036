"""The AIApp resource: its Python model and the CustomResourceDefinition generated from it."""
