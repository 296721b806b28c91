"""How a labeler reads: what can be chosen, and which of it is the default. Pure."""

READING_CHOICES: dict[str, tuple[str, ...]] = {
    "columns": ("auto", "1", "2", "3"),
    "text": ("small", "normal", "large", "largest"),
    "prompt": ("narrow", "normal", "wide", "half"),
    "cards": ("shown", "rank"),
}
"""Columns of cards, size of texts, width of the prompt beside them, and the order of the cards."""
READING_DEFAULTS = {"columns": "auto", "text": "normal", "prompt": "normal", "cards": "shown"}


def unknown_choices(chosen: dict[str, str]) -> dict[str, str]:
    """Those of the choices that can't be chosen."""
    return {name: value for name, value in chosen.items() if value not in READING_CHOICES.get(name, ())}
