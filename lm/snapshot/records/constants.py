"""The numbers and words that a snapshot's records go by."""

SPLITS = TRAIN, VALID, TEST = ("train", "valid", "test")
HELD_OUT = "held_out"
"""The split name of held-out labelers' work: it is in none of the others (InstructGPT §3.4)."""
RANKED_LOWEST, RANKED_HIGHEST = 4, 9
"""InstructGPT §3.5: labelers rank between K = 4 and K = 9 completions."""
DISTINCT_LOWEST = 2
"""Of 4 to 9 completions that came in a file, so many must differ: one text compares with nothing."""
K_LOWEST, K_HIGHEST = DISTINCT_LOWEST, RANKED_HIGHEST + 1
"""Completions of a record: one more than were ranked where the labeler improved the best."""
FEWEST_PAIRS = 30
"""An agreement over fewer pairs says nothing: at 30 the standard error of a share is still nine points of a hundred."""
IMPORTED_FROM = 1_000_000_000_000
"""Ids of comparisons that were made elsewhere, and of their completions, are larger: they share none with labelers'."""
MOST_IMPORTED = 10
"""Ids that each of them has for its completions."""
ADJUDICATED_FROM = 2_000_000_000_000
CONSENSUS_FROM = 3_000_000_000_000
"""Ids of adjudications, and of tasks whose rankings were combined, are larger: they share none with other rankings."""
FEW_SHOT = "labeler_few_shot"
"""`prompt_source` of a demonstration whose prompt is one pair of several that a labeler wrote."""
LABELER, CONSENSUS, ADJUDICATED = "labeler", "consensus", "adjudicated"
"""Whose order a ranking is: one labeler's, that of several by ranked pairs, or a reviewer's above theirs."""
STRONGEST = 4
"""Strengths run from 1 (negligibly better) to 4 (significantly better), as in Llama 2 (Touvron et al. 2023)."""
