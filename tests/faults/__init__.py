"""Faults of networks and stores, scripted: a blob server on loopback that goes wrong as it is told."""
