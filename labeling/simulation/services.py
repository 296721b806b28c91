"""Simulated labelers. They use the same services as people, and their rankings are marked."""

import random
from collections.abc import Sequence

from labeling.base.states import LabelerState
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_ranking
from labeling.people.models import Labeler
from labeling.people.services import create_labeler
from labeling.ranking_tasks.models import Completion
from labeling.simulation.rules import Score, quality_of, simulated_ranks

LANGUAGES = ("en", "zh")


def simulated_labelers(*, count: int) -> list[Labeler]:
    """The labelers simulated-1 … simulated-`count`, made where they are missing; nobody can log in as one."""
    labelers = []
    for number in range(1, count + 1):
        username = f"simulated-{number}"
        labeler = Labeler.objects.filter(user__username=username, simulated=True).first()
        labelers.append(
            labeler
            or create_labeler(
                username=username, password=None, languages=LANGUAGES, state=LabelerState.ACTIVE, simulated=True
            )
        )
    return labelers


def rank_next(*, labeler: Labeler, score: Score, noise: float, chance: random.Random) -> bool:
    """Claims the next ranking and hands it in by its rule; False when nothing is ready."""
    assignment = claim_ranking(labeler=labeler)
    if assignment is None:
        return False
    texts = dict(Completion.objects.filter(pk__in=assignment.shown_order).values_list("pk", "text"))
    shown = [texts[completion_id] for completion_id in assignment.shown_order]
    ranks = simulated_ranks(shown, score=score, noise=noise, chance=chance)
    submit_ranking(
        labeler=labeler,
        token=str(assignment.token),
        judgements=_judgements(ranks),
        active_seconds=0.0,
        note="simulated",
    )
    return True


def _judgements(ranks: Sequence[int]) -> list[Judgement]:
    return [
        Judgement(shown_position=position, rank=rank, quality=quality_of(rank, worst=max(ranks)))
        for position, rank in enumerate(ranks, start=1)
    ]
