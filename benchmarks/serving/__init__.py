"""Answering requests: ours beside its peers, the bare server and an echo, one core for the server, one for the load."""
