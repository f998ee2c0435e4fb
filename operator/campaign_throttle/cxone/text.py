"""Text that comes from CXone, made fit for a status, a log line and a terminal."""

NAME_LENGTH = 256


def printable(text: str, length: int = NAME_LENGTH) -> str:
    """The text without control characters (line breaks, terminal sequences), cut to so many characters."""
    if len(text) <= length and text.isprintable():
        return text
    return "".join(character for character in text[: 4 * length] if character.isprintable())[:length]
