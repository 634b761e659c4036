"""Bringing a model from a blob store to a disk: ours, its peers and a ceiling, over the same loopback server."""
