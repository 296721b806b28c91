"""The learning rate over a run."""

from math import cos, pi


def learning_rate(*, step: int, steps: int, peak: float, final_fraction: float, warmup_steps: int = 0) -> float:
    """Learning rate of optimizer step `step` (from 1 to `steps`): linear warm-up, then a cosine down to peak ·
    final_fraction.

    Without warm-up the first step has the peak and the last one peak · final_fraction exactly (InstructGPT C.2: cosine
    to 10% of the peak). Steps 1 … warmup_steps rise linearly, the last of them to the peak.

    >>> [round(learning_rate(step=s, steps=3, peak=1.0, final_fraction=0.1), 3) for s in (1, 2, 3)]
    [1.0, 0.55, 0.1]
    """
    if step <= warmup_steps:
        return peak * step / warmup_steps
    first = max(warmup_steps, 1)
    progress = (step - first) / (steps - first) if steps > first else 0.0
    return peak * (final_fraction + (1 - final_fraction) * (1 + cos(pi * progress)) / 2)
