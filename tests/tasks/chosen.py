"""The tasks that take a name, `make TASK NAME=...`: which one is meant, else which there are."""

from collections.abc import Mapping, Sequence

from tasks.console import TaskError, say


def chosen(task: str, what: str, known: Mapping[str, str], arguments: Sequence[str]) -> str | None:
    """Return the name that the arguments begin with; None: there is none, and what is known was listed.

    Raises:
        TaskError: nothing has this name.
    """
    if not arguments or arguments[0].startswith("-"):
        width = max(map(len, known))
        say("\n".join(f"  make {task} NAME={name:<{width}}  {text}" for name, text in known.items()))
        return None
    if arguments[0] not in known:
        raise TaskError(f"there is no {what} {arguments[0]!r}; there are: {', '.join(known)}")
    return arguments[0]
