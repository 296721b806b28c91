"""How many completions a ranking task holds."""

K_LOWEST, K_HIGHEST = 4, 9
"""InstructGPT §3.5: labelers rank between K = 4 and K = 9 completions."""


DISTINCT_LOWEST = 2
"""Of 4 to 9 completions that came in a file, so many must differ: one text compares with nothing."""
