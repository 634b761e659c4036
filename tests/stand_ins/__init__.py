"""Real programs on loopback that stand in for services of the cloud."""
