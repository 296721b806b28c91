"""The daily look at labelers: one goes by the place, four by the truth. Near copies, and sentinels."""

import random
import re
from typing import Any

import pytest
from django.urls import reverse

from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_ranking
from labeling.models import Campaign, Demonstration, Labeler, LabelerHabits, NearCopyFound, Sentinel
from labeling.quality.bias.queries.sentinels import alarms, at_equal_length, weeks_of
from labeling.quality.bias.rules.outliers import Habit
from labeling.quality.bias.services.looking import look_at_habits
from labeling.quality.bias.services.near_copies import find_near_copies
from labeling.ranking_tasks.rules import GivenCompletion
from labeling.ranking_tasks.services.tasks import make_task_of_given
from labeling.tasks.quality import look_at_labelers
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank, write

pytestmark = pytest.mark.django_db

TASKS = 30
TRUTHFUL = ("bob", "charlie", "dora", "emil")


def rank_as_shown(labeler: Labeler) -> None:
    assignment = claim_ranking(labeler=labeler)
    assert assignment is not None
    shown = range(1, len(assignment.shown_order) + 1)
    submit_ranking(
        labeler=labeler,
        token=str(assignment.token),
        judgements=[Judgement(shown_position=place, rank=place) for place in shown],
        active_seconds=3,
    )


@pytest.fixture
def ranked(alice: Labeler) -> Campaign:
    """Alice hands in what she sees; the others see the truth, each with a slip here and there."""
    truthful = [make_labeler(name) for name in TRUTHFUL]
    campaign = make_campaign(rankings_per_task=5)
    chance = random.Random(4)
    for _ in range(TASKS):
        make_ready_task(make_prompt(campaign), k=4)
        rank_as_shown(alice)
        for labeler in truthful:
            ranks = [1, 2, 3, 4]
            if chance.random() < 0.6:
                slip = chance.randrange(3)
                ranks[slip], ranks[slip + 1] = ranks[slip + 1], ranks[slip]
            rank(labeler, ranks)
    return campaign


def test_who_goes_by_the_place_is_marked_and_the_pages_say_why(ranked: Campaign, alice: Labeler) -> None:
    outliers = {row.labeler_id: row for row in look_at_habits()}
    assert len(outliers) <= 2  # by chance another one may be named now and then: that rate is what is held
    marked = outliers[alice.pk]
    assert {Habit.PLACE, Habit.SHOWN_ORDER, Habit.DISAGREES} <= set(marked.outlier)
    assert marked.first_is_best is not None
    assert marked.first_is_best["value"] == 1
    assert marked.first_by_chance == pytest.approx(0.25)
    others = LabelerHabits.objects.exclude(labeler=alice)
    assert others.count() == len(TRUTHFUL)
    assert all(row.first_is_best["value"] < 0.6 for row in others if row.first_is_best)

    olga = admin_browser()
    figures = olga.get(reverse("admin:labeling_labelerhabits_figures"))
    assert figures.status_code == 200
    assert figures.text.count("cc-chip-warning") == sum(len(row.outlier) for row in outliers.values())
    csv_file = olga.get(reverse("admin:labeling_labelerhabits_figures", query={"csv": "place"}))
    assert len(csv_file.content.decode().strip().splitlines()) == 1 + 5
    page = olga.get(reverse("admin:labeling_labeler_change", args=[alice.pk]))
    # Always the earlier one: half more than chance, give or take what others' order of the same pairs explains.
    (beyond,) = re.findall(
        r"prefers what is shown earlier ([\d.]+)% more often than others’ rankings explain", page.text
    )
    assert 40 < float(beyond) < 60
    of_her_own = olga.get(reverse("admin:labeling_labelerhabits_change", args=[alice.pk]))
    assert "Ties by place" in of_her_own.text
    listed = olga.get(reverse("admin:labeling_labeler_changelist", query={"marked": "yes"}))
    assert {row.pk for row in listed.context["cl"].result_list} == set(outliers)
    chinese = olga.get(reverse("admin:labeling_labelerhabits_figures"), headers={"accept-language": "zh-hans"})
    assert "按显示位置" in chinese.text


def test_the_next_look_replaces_the_last_and_knows_since_when(ranked: Campaign, alice: Labeler) -> None:
    first = next(row for row in look_at_habits() if row.labeler_id == alice.pk)
    look_at_labelers()
    second = LabelerHabits.objects.get(labeler=alice)
    assert second.outlier_since == first.outlier_since
    assert second.measured_at > first.measured_at
    assert LabelerHabits.objects.count() == 5


def test_nobody_is_looked_at_without_rankings_and_a_few_mark_nobody(alice: Labeler, bob: Labeler) -> None:
    assert look_at_habits() == []
    make_ready_task(make_prompt(make_campaign(rankings_per_task=2)))
    rank_as_shown(alice)
    rank(bob, [1, 2, 3, 4])
    assert look_at_habits() == []
    habits = LabelerHabits.objects.get(labeler=alice)
    assert (habits.first_is_best, habits.longer_wins, habits.pace, habits.findings) == (None, None, None, [])
    page = admin_browser().get(reverse("admin:labeling_labelerhabits_figures"))
    assert "not enough data" in page.text
    assert "100.0%" not in page.text


def test_a_demonstration_that_a_model_had_written_is_found(alice: Labeler, bob: Labeler) -> None:
    text = "The sky is blue because molecules of the air scatter light of short waves more than light of long waves."
    prompt = make_prompt(make_campaign(demonstrations_per_prompt=2))
    make_ready_task(prompt, texts=[text, "Short.", "Because of the air.", "Nobody knows that."])
    write(alice, text.replace("because", "since"))
    write(
        bob,
        "Light of short waves is scattered far more by the air; that is what we see when we look away from the sun.",
    )
    assert find_near_copies() == 1
    found = NearCopyFound.objects.get()
    assert found.demonstration == Demonstration.objects.get(labeler=alice)
    assert found.likeness > 90
    assert find_near_copies() == 0
    page = admin_browser().get(reverse("admin:labeling_nearcopyfound_change", args=[found.pk]))
    assert "molecules of the air" in page.text


def test_a_sentinel_counts_the_preferences_between_its_two_sources(alice: Labeler, bob: Labeler) -> None:
    """The third ranking is of other sources, and its campaign is none of the sentinel's."""
    campaign, other = make_campaign(), make_campaign()
    for where, sources in ((campaign, ("old", "new")), (campaign, ("old", "new")), (other, ("old", "third"))):
        texts = [GivenCompletion(text=f"Answer {number}.", model=sources[number % 2]) for number in range(4)]
        make_task_of_given(prompt=make_prompt(where), completions=texts)
    alice.first_campaign = campaign
    alice.save()
    rank(alice, [3, 1, 2, 4])
    rank(alice, [1, 1, 1, 2])
    rank(alice, [1, 2, 3, 4])
    sentinel = Sentinel.objects.create(name="Old against new", first_source="old", second_source="new")
    [week] = weeks_of(sentinel)
    # The first two are old, the others new: three of four the first time; two of two the second, all else is tied.
    assert (week.period.preferred, week.period.pairs) == (5, 6)
    assert week.chance is None
    assert at_equal_length(sentinel) is None
    assert alarms() == []
    sentinel.campaign = other
    sentinel.save()
    assert weeks_of(sentinel) == []


def test_sentinels_are_made_of_sources_that_there_are(ranked: Campaign) -> None:
    olga = admin_browser()
    address = reverse("admin:labeling_sentinel_add")
    sent: dict[str, Any] = {"name": "Same", "campaign": "", "first_source": "secret-model", "second_source": "nothing"}
    refused = olga.post(address, sent)
    assert refused.status_code == 200
    assert not Sentinel.objects.exists()
