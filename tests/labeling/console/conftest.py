"""One of everything, for the tests that look at every page of the admin."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from labeling.alerts.services.signs import say_alive
from labeling.alerts.services.watch import watch
from labeling.base.states import AlertKind, ApiScope
from labeling.exports.services.exclusions import leave_out
from labeling.models import Campaign, Demonstration, EarlierDraft, ModelComparison, Silence, Webhook, WorkerSign
from labeling.people.skills.services import add_skill
from labeling.people.tokens.services import make_token
from labeling.serving.services.ledger import note_usage
from tests.labeling.admin_cast import (
    asked_for_rewards,
    asked_how_they_find_it,
    checked_by,
    compared_elsewhere,
    doubted,
    evaluated,
    furnish,
    kept_and_withdrawn,
    looked_at,
    model_in,
    open_campaign,
    paid_for,
    policy_in_training,
    reviewed,
    run_in_training,
    shared_by,
    snapshot_in,
    turning,
)
from tests.labeling.cast import make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank
from tests.labeling.onboarding.screened import invited_by, make_candidate


@pytest.fixture(scope="module")
def everything(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Campaign]:
    """One of everything. To make it takes longer than to look at it, so that a module's tests share it: each of them
    ends with what it changed taken back, and the last with all of it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield one_of_everything(tmp_path_factory.mktemp("models"))
        transaction.set_rollback(True)


def one_of_everything(tmp_path: Path) -> Campaign:
    campaign = open_campaign()
    furnish(campaign, labelers=["alice", "bob"])
    snapshot = snapshot_in(tmp_path / "snapshot")
    run_in_training(snapshot)
    first, second = model_in(tmp_path / "reward-1"), model_in(tmp_path / "reward-2")
    ModelComparison.objects.create(first=first, second=second, snapshot=snapshot, split="test")
    leave_out(target=Demonstration.objects.latest("pk"), reason="not an answer")
    doubted(make_labeler("greta"))
    asked_for_rewards()
    EarlierDraft.objects.create(token=uuid4(), labeler=make_labeler("hedi"), version=1, draft={"text": ["Of old."]})
    say_alive(name="celery@gpu-1", queues="sampling")
    WorkerSign.objects.update(at="2026-01-01T00:00Z")
    watch()
    Silence.objects.create(kind=AlertKind.DISK_LOW, until=timezone.now() + timedelta(hours=1))
    Webhook.objects.create(url="https://example.org/told", events=["ranking.submitted"])
    make_ready_task(make_prompt(campaign))
    rank(make_labeler("hugo"), [1, 2, 3, 4])
    token, _ = make_token(user=make_labeler("ida").user, name="alice's import", scopes=[ApiScope.SCORES])
    note_usage(token=token, prompt_tokens=7, completion_tokens=11)
    Client().post("/login/", {"username": "alice", "password": "wrong"})
    compared_elsewhere(campaign)
    make_candidate("lena")
    invited_by(User.objects.create_superuser("nora"))
    paid_for(campaign)
    asked_how_they_find_it()
    add_skill(slug="law", name={"en": "Law"})
    shared_by(make_labeler("jo"), make_labeler("kim"))
    looked_at()
    reviewed(campaign)
    checked_by(make_labeler("lou"))
    kept_and_withdrawn(campaign)
    policy_in_training(snapshot)
    evaluated(campaign)
    turning(campaign)
    return campaign
