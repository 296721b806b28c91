"""Which epoch of SFT is kept: by the reward of its samples where that is known, else by the validation loss.

Samples are drawn for the same prompts by the same seeds at every epoch, so that epochs are compared, not luck.
"""

from collections.abc import Sequence

from policy_trainer.metrics import EpochRow


def chosen(rows: Sequence[EpochRow]) -> tuple[EpochRow, str]:
    """The row, and by what it was chosen, in words. Of equals it is the earlier one."""
    if all(row["reward"] is not None for row in rows):
        best = max(rows, key=lambda row: (row["reward"] or 0.0, -row["epoch"]))
        return best, "the mean reward of its samples on validation prompts"
    if all(row["valid_loss"] is not None for row in rows):
        return min(rows, key=lambda row: (row["valid_loss"] or 0.0, row["epoch"])), "its validation loss"
    return rows[-1], "being the last, as there was nothing to validate on"


def no_better(before: EpochRow, row: EpochRow) -> str:
    """That training did not help, in words, by what the epoch was chosen by; "" where it did or nobody can tell."""
    if row["reward"] is not None and before["reward"] is not None:
        worse, what = row["reward"] <= before["reward"], f"reward of samples {before['reward']:+.3f}"
    elif row["valid_loss"] is not None and before["valid_loss"] is not None:
        worse, what = row["valid_loss"] >= before["valid_loss"], f"validation loss {before['valid_loss']:.4f}"
    else:
        return ""
    return f"No epoch is better than the model was before training, by its {what}." if worse else ""


def table(rows: Sequence[EpochRow]) -> str:
    """All epochs in words, a line each: what the loss would choose and what the reward chooses can be seen."""
    lines = ["epoch  loss     valid    reward            tokens  ended"]
    for row in rows:
        reward = "—" if row["reward"] is None else f"{row['reward']:+.3f} ± {row['reward_error'] or 0:.3f}"
        losses = f"{_number(row['train_loss'], '.4f'):6}   {_number(row['valid_loss'], '.4f'):7}"
        lines.append(
            f"{row['epoch']:5}  {losses}  {reward:16}  "
            f"{_number(row['length'], '.0f'):>6}  {_number(row['ended'], '.0%'):>5}"
        )
    return "\n".join(lines)


def _number(value: float | None, how: str) -> str:
    return "—" if value is None else format(value, how)
