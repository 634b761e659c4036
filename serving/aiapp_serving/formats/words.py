"""Text out of models, made fit for a log line and a status."""


def shown(text: object, most: int = 128) -> str:
    """Return the first line's printable characters in quotes, with escapes for the others."""
    quoted = ascii(str(text))
    return quoted if len(quoted) <= most else f"{quoted[: most - 4]}...'"


def first_line(error: BaseException, most: int = 300) -> str:
    """Return what an exception of a library says, on one line."""
    text = " ".join(str(error).split())
    return "".join(char if char.isprintable() else "?" for char in text)[:most] or type(error).__name__
