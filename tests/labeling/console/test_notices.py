"""Every notice of the front page is true: it comes with its cause, leads to rows that show it, and goes with it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from labeling.alerts.queries.notices import Notice, notices
from labeling.base.states import CampaignStage, CampaignState, LabelerState, ModelKind, ScreeningOutcome, TaskState
from labeling.campaigns.services.campaigns import change_campaign_state
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_ranking
from labeling.model_versions.services.promotion import promote_when_checked
from labeling.model_versions.services.registration import register_model
from labeling.models import Assignment, Labeler, ModelVersion, RankingTask, SelfAssessment
from labeling.onboarding.screening.services import decide
from labeling.people.services import change_labeler_state
from labeling.ranking_tasks.services.setting_aside import restore_task, set_task_aside
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.models_in_use import tried
from tests.labeling.onboarding.screened import make_candidate, make_stage, ranks_all
from tests.tiny_models import make_tiny_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    return admin_browser()


def rank(labeler: Labeler) -> None:
    held = claim_ranking(labeler=labeler)
    assert held is not None
    judgements = [Judgement(shown_position=at, rank=at, quality=4) for at in range(1, 5)]
    submit_ranking(labeler=labeler, token=str(held.token), judgements=judgements, active_seconds=1)


def said(part: str) -> list[Notice]:
    return [notice for notice in notices() if part in notice.text]


def rows_at(admin: Client, notice: Notice) -> int:
    """How many rows the list has to which the notice leads."""
    page = admin.get(notice.link)
    assert page.status_code == 200, notice.link
    return int(page.context["cl"].result_count)


Mend = Callable[[], object]


def make_invited() -> Mend:
    labeler = make_labeler("grace", state=LabelerState.INVITED)
    return lambda: change_labeler_state(labeler=labeler, state=LabelerState.ACTIVE)


def make_screened() -> Mend:
    labeler = make_labeler("grace", state=LabelerState.SCREENING)
    return lambda: change_labeler_state(labeler=labeler, state=LabelerState.ACTIVE)


def make_through() -> Mend:
    """Grace ranked all that there is, and said what she can judge; Frank is in the middle of it."""
    make_stage(CampaignStage.SCREENING, items=1)
    grace, frank = make_candidate("grace"), make_candidate("frank")
    for each in (grace, frank):
        SelfAssessment.objects.create(labeler=each.labeler)
    ranks_all(grace.labeler, [1, 2, 3, 4])
    Assignment.objects.filter(labeler=grace.labeler).update(closed_at=timezone.now() - timedelta(hours=1))
    olga = User.objects.get(username="olga")
    return lambda: decide(candidate=grace, outcome=ScreeningOutcome.ADMITTED, text="", by=olga)


def make_sampling() -> Mend:
    """Prompts of which tasks are sampled right now, and no more."""
    prompt = make_prompt(make_campaign(demonstrations_per_prompt=0))
    task = make_ready_task(make_prompt(prompt.campaign))
    old = RankingTask.objects.create(prompt=prompt, campaign=prompt.campaign, language="en", k_requested=4)
    set_task_aside(task=task, reason="of the test")
    return lambda: (restore_task(task=task), old)


def make_unmade() -> Mend:
    campaign = make_campaign(demonstrations_per_prompt=0)
    make_prompt(campaign)
    return lambda: make_ready_task(make_prompt(campaign))


def make_met() -> Mend:
    campaign = make_campaign(rankings_per_task=2, ranking_tasks_per_prompt=0, demonstrations_per_prompt=0)
    make_ready_task(make_prompt(campaign))
    rank(make_labeler("alice"))
    return lambda: make_labeler("bob")


def make_foreign() -> Mend:
    make_labeler("alice", languages=["en"])
    campaign = make_campaign(ranking_tasks_per_prompt=0)
    make_prompt(campaign, language="fr")
    return lambda: make_labeler("bob", languages=["fr"])


def make_idle() -> Mend:
    """Work waits, but not for Alice."""
    make_labeler("alice", languages=["zh"])
    make_labeler("bob", languages=["en"])
    campaign = make_campaign(ranking_tasks_per_prompt=0, demonstrations_per_prompt=0)
    make_ready_task(make_prompt(campaign))
    return lambda: make_ready_task(make_prompt(campaign, language="zh"))


def make_aside() -> Mend:
    task = make_ready_task(make_prompt(make_campaign()))
    other = make_ready_task(make_prompt(task.campaign))
    set_task_aside(task=task, reason="Blurred")
    set_task_aside(task=other, reason="Something else")
    return lambda: restore_task(task=task)


def make_late() -> Mend:
    ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")
    prompt = make_prompt(make_campaign())
    make_ready_task(prompt)
    late = RankingTask.objects.create(prompt=prompt, campaign=prompt.campaign, language="en", k_requested=4)
    RankingTask.objects.filter(pk=late.pk).update(created_at=timezone.now() - timedelta(hours=1))
    return lambda: set_task_aside(task=late, reason="of the test")


@pytest.mark.parametrize(
    ("part", "make", "rows"),
    [
        ("1 labeler waits to be admitted (Invited)", make_invited, 1),
        ("1 labeler waits to be admitted (Screening)", make_screened, 1),
        ("1 candidate waits for a decision", make_through, 1),
        ("Nothing to rank in", make_sampling, 1),
        ("Nothing to rank in", make_unmade, 1),
        ("Nobody who is active can be given the ranking tasks", make_met, 1),
        ("Nobody who is active can be given the prompts", make_foreign, 1),
        ("1 active labeler can be given nothing now", make_idle, 1),
        ("1 ranking task set aside", make_aside, 1),
        ("1 task waits long for its completions", make_late, 1),
    ],
)
def test_a_notice_comes_with_its_cause_and_goes_with_it(
    admin: Client, part: str, make: Callable[[], Mend], rows: int
) -> None:
    assert said(part) == []
    mend = make()
    found = said(part)
    assert found
    assert rows_at(admin, found[0]) == rows
    before = len(found)
    mend()
    assert len(said(part)) == before - 1


def test_a_finished_campaign_has_nothing_to_rank_and_no_notice() -> None:
    campaign = make_campaign(ranking_tasks_per_prompt=0, demonstrations_per_prompt=0)
    make_ready_task(make_prompt(campaign))
    rank(make_labeler("alice"))
    assert not RankingTask.objects.exclude(state=TaskState.DONE).exists()
    assert [notice.text for notice in notices() if campaign.name in notice.text] == []


def test_a_campaign_without_prompts_is_told_to_import_some_unless_it_asks_for_dialogues_alone() -> None:
    bare, own = make_campaign(), make_campaign(ask_dialogues=True)
    assert [notice.detail for notice in notices() if bare.name in notice.text] == ["It has no prompts. Import some."]
    assert [notice for notice in notices() if own.name in notice.text] == []


def test_tasks_of_campaigns_that_are_not_open_are_not_counted_as_ready(admin: Client) -> None:
    draft, paused, active = (make_campaign() for _ in range(3))
    for campaign in (draft, paused, active):
        make_ready_task(make_prompt(campaign))
    change_campaign_state(campaign=paused, state=CampaignState.PAUSED)
    change_campaign_state(campaign=draft, state=CampaignState.CLOSED)
    page = admin.get("/admin/")
    assert page.context["pipeline"].tasks.ready == 1
    listed = admin.get("/admin/labeling/rankingtask/?state__exact=ready&campaign_state=active")
    assert listed.context["cl"].result_count == 1
    campaigns = admin.get("/admin/labeling/campaign/").content.decode()
    assert campaigns.count("–") >= 2


def test_while_a_worker_tries_the_first_model_nobody_is_asked_to_register_one(tmp_path: Path) -> None:
    make_campaign()
    assert said("No model is current")
    version = register_model(kind=ModelKind.SFT, name="small", path=make_tiny_model(tmp_path / "small"))
    assert said("No model is current")  # nobody asked for its promotion
    promote_when_checked(version=version, reason="The first one.")
    (notice,) = said("A worker tries “small”")
    assert (notice.urgent, str(version.pk) in notice.link) == (False, True)
    assert not said("No model is current")
    tried(version)
    assert not said("A worker tries")
