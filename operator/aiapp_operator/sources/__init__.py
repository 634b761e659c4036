"""Asks registries and model stores, as each app: what a spec names once, what it follows again and again."""
