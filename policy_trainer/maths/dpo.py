"""Direct preference optimisation (Rafailov et al. 2023): a policy is its own reward model."""

from collections.abc import Sequence

from torch import Tensor

from policy_trainer.maths.answers import summed


def implicit_rewards(log_probs: Tensor, reference: Tensor, lengths: Sequence[int], *, beta: float) -> Tensor:
    """β · log(π(y) / π_ref(y)) of each completion: [ΣC], [ΣC] → [S].

    −log σ of the difference of two of them is the loss of a pair (equation 7); of all pairs of a ranking, its mean is
    the ranking loss of the reward model (`rm_trainer.loss.ranking_loss`).
    """
    return beta * summed(log_probs - reference, lengths)
