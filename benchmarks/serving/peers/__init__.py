"""The servers that ours is measured beside, each run in an environment of its own (the lists beside them)."""
