"""The demo: the whole story told line by line. `make demo` runs it, `make deploy` shares its steps."""
