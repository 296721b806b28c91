"""The gates of a turn that are decided by numbers, and where a new policy stands in a mixture. Pure."""

from collections.abc import Sequence

from labeling.base.states import RewardGate
from labeling.campaigns.mixture.rules import MOST_PARTS, MixturePart

OPEN = ""
"""What a gate says that is open; a closed one says why."""


def reward_model_gate(*, gate: str, name: str, is_current: bool, not_worse: bool, decision: str) -> str:
    """`not_worse`: on the frozen test set, by the rule of promotion. `decision`: what the run said of it."""
    if is_current or (gate == RewardGate.NOT_WORSE and not_worse):
        return OPEN
    return f"The reward model “{name}” was not good enough to go on with. {decision}".strip()


def policy_gate(
    *, started: float | None, reached: float | None, kl: float | None, least_gain: float | None, most_kl: float | None
) -> str:
    """`started`, `reached`: mean rewards on held-out prompts. A gate whose number is not known stays closed."""
    if least_gain is not None:
        if started is None or reached is None:
            return "How the policy is rewarded on held-out prompts is not known, so its gain can't be judged."
        if reached - started < least_gain:
            return (
                f"The reward on held-out prompts went from {started:+.3f} to {reached:+.3f}, a gain of "
                f"{reached - started:+.3f}; at least {least_gain:+.3f} is asked for."
            )
    if most_kl is not None:
        if kl is None:
            return "The KL of the policy to its start is not known, so it can't be held to a bound."
        if kl > most_kl:
            return f"The KL of the policy to its start is {kl:.2f} nats an answer; {most_kl:.2f} are allowed."
    return OPEN


def with_policy(parts: Sequence[MixturePart], *, model: int, share: int) -> list[MixturePart] | None:
    """The mixture with a line for the new policy. The same where it is sampled already: an empty mixture and the line
    “current” mean whichever model is current. None: there is no room for another line.
    """
    if not parts or any(part["model"] in (None, model) for part in parts):
        return list(parts)
    if len(parts) >= MOST_PARTS:
        return None
    return [*parts, MixturePart(share=share, model=model, temperature=None, top_p=None)]
