"""Decides what an AIApp's Deployment and Service should be; never touches model bytes."""
