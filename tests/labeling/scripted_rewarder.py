"""A reward model for tests: what it gives is known beforehand."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count

from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import ModelVersion, Snapshot
from rm_trainer.protocol import Item, Scored

_numbers = count(1)


class ScriptedRewarder:
    """Gives each text the reward that the script says, else its length; `asked` is what it was asked, call by call."""

    def __init__(
        self, rewards: Mapping[str, float] | None = None, *, meanwhile: Callable[[], object] | None = None
    ) -> None:
        self._rewards = rewards or {}
        self._meanwhile = meanwhile
        self.asked: list[list[Item]] = []

    def score(self, items: Sequence[Item]) -> list[Scored]:
        self.asked.append(list(items))
        if self._meanwhile is not None:
            self._meanwhile()
        return [self._scored(item.completion) for item in items]

    def _scored(self, text: str) -> Scored:
        if "too long" in text:
            return Scored(None, problem="a completion is never cut")
        return Scored(self._rewards.get(text, float(len(text))))


def current_reward_model(*, snapshot: Snapshot | None = None, half: str = "all") -> ModelVersion:
    """One that is promoted; whatever was before it is retired."""
    ModelVersion.objects.filter(kind="reward", state="current").update(state="retired")
    number = next(_numbers)
    return ModelVersion.objects.create(
        kind="reward",
        reward_model=default_reward_model(),
        name=f"scripted-{number}",
        path=f"/scripted/{number}",
        state="current",
        snapshot=snapshot,
        half=half,
    )
