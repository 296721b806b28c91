"""From the playground to a snapshot: a conversation that somebody let us keep is sampled, ranked and exported."""

import json
from pathlib import Path

import pytest
from django.test import Client

from labeling.base.refusals import NothingToExport
from labeling.conversations.services.withdrawing import withdraw
from labeling.exports.services.snapshots import write_snapshot
from labeling.models import Labeler, Prompt, RankingTask
from labeling.ranking_tasks.services.sampling import one_source, sample_tasks
from labeling.ranking_tasks.services.tasks import top_up
from tests.labeling.cast import make_campaign
from tests.labeling.conversations.talks import harvest, policy, takes
from tests.labeling.handed_in import rank
from tests.labeling.playground.scripted_stream import ScriptedServer, server
from tests.labeling.playground.test_playground import agree, ask, events_of
from tests.labeling.scripted_sampler import ScriptedSampler

__all__ = ["server"]
pytestmark = pytest.mark.django_db
ASKED = "Please write a thank-you note to my neighbour kim@example.org for the apples from her garden."


def test_a_kept_conversation_is_sampled_ranked_and_exported(
    client: Client, alice: Labeler, bob: Labeler, server: ScriptedServer, tmp_path: Path
) -> None:
    version = policy(state="current")
    campaign = make_campaign(languages=["en"], k_min=4, k_max=4)
    takes(campaign)
    agree(client, version)
    assert events_of(ask(client, version, [{"role": "user", "content": ASKED}]))[-1] == {"end": "stop"}
    assert harvest() == 1
    prompt = Prompt.objects.get()

    assert top_up(campaign=campaign)
    tasks = list(RankingTask.objects.filter(prompt=prompt).values_list("pk", flat=True))
    sampler = ScriptedSampler("Thanks a lot!", "Many thanks.", "Thank you, Kim.", "The apples were good.")
    sample_tasks(task_ids=tasks, sources=one_source(version, sampler), resample_limit=1)
    assert sampler.requests[0].messages[-1]["content"] == ASKED.replace("kim@example.org", "[email]")
    rank(bob, [1, 2, 2, 3])

    write_snapshot(tmp_path / "snapshot", kinds=("rankings",))
    lines = [line for path in (tmp_path / "snapshot").rglob("*.jsonl") for line in path.read_text().splitlines()]
    (record,) = (json.loads(line) for line in lines)
    assert (record["source"], record["prompt_id"]) == ("playground", prompt.pk)
    assert record["prompt"][-1]["content"] == ASKED.replace("kim@example.org", "[email]")
    assert prompt.submitter.name == alice.pseudonym
    assert "kim@example.org" not in "".join(lines)

    withdraw(user=alice.user, by=alice.user)
    with pytest.raises(NothingToExport):
        write_snapshot(tmp_path / "later", kinds=("rankings",))
