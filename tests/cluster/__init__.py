"""Real Kubernetes for tests: what builds it, what runs it, and the fixture that hands it out."""
