"""Whole plans as YAML, one folder per case: what was observed, and what is to be done about it."""
