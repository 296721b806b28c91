"""Numbers in sentences."""


def counted(count: int, one: str, several: str) -> str:
    """`several` with the count before it, or `one`.

    >>> counted(1, "prompt is", "prompts are"), counted(1200, "prompt is", "prompts are")
    ('1 prompt is', '1,200 prompts are')
    """
    return f"{count:,} {one if count == 1 else several}"
