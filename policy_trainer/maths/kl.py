"""Estimators of KL(policy ‖ reference) from one sample of the policy, and where each may stand.

With d = log π(y) − log π_ref(y) of what the policy drew: k1 = d, k2 = d² / 2, k3 = e^(−d) − 1 + d (Schulman 2020,
http://joschu.net/blog/kl-approx.html). All are small where the policies agree; only two places have the right gradient:

* **k1 in the reward** (InstructGPT, equation 2): r − β · d is the objective itself, and its gradient comes with the
  score's.
* **k2 of whole answers in the loss**: its derivative d · ∇log π, averaged over the policy's own answers, is the
  gradient of the KL. Of single tokens it would leave out what a token does to the KL of those behind it.

k1 in the loss has the mean gradient 0, so it does nothing. k3 in the loss pulls towards KL(reference ‖ policy), and k3
in the reward ends elsewhere than at π_ref · exp(r / β). So an option chooses the place, and the place the estimator.
"""

from collections.abc import Sequence

from torch import Tensor

from policy_trainer.maths.answers import summed


def per_token(log_probs: Tensor, reference: Tensor) -> Tensor:
    """k1 of every token, in nats: [T], [T] → [T]. Summed over a text it is unbiased for the KL of whole texts."""
    return log_probs - reference


def loss_per_answer(log_probs: Tensor, reference: Tensor, lengths: Sequence[int]) -> Tensor:
    """k2 of every answer, to be minimised on answers that the policy drew: [ΣC], [ΣC] → [S]."""
    return summed(log_probs - reference, lengths).square() / 2


def low_variance(log_probs: Tensor, reference: Tensor) -> Tensor:
    """k3 of every token, never negative: for reports only."""
    d = log_probs - reference
    return (-d).exp() - 1 + d
