"""Text as people typed it, made safe to store. Pure."""


class UnstorableText(ValueError):
    """The text holds characters that no database text can hold."""


def clean_text(text: str) -> str:
    """The same text with \\r\\n and \\r line ends as \\n; nothing else changes.

    Raises UnstorableText for NUL and lone surrogates, with the position (from 1), because Postgres refuses them.
    """
    for position, character in enumerate(text, start=1):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise UnstorableText(
                f"Character {position} is U+{ord(character):04X}, which can't be stored. Remove it and try again."
            )
    return text.replace("\r\n", "\n").replace("\r", "\n")
