"""What is told to whoever packs or pushes. Pure."""


class PackingError(Exception):
    """A model cannot be packed or pushed: what is wrong, and in `fix` what to do next."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}; {fix}")
        self.problem = problem
        self.fix = fix
