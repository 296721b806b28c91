"""Own writing: begun once, kept as versions, closed once; and what is refused."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from labeling.base.refusals import (
    AlreadyDiscarded,
    AlreadySubmitted,
    CampaignNotOpen,
    DraftConflict,
    LabelerNotActive,
    NotOffered,
)
from labeling.base.states import CampaignState, CompositionKind, CompositionState, LabelerState
from labeling.campaigns.services.campaigns import change_campaign_state
from labeling.desk.rules.drafts import SentDraft
from labeling.desk.services.leases import close_campaign, suspend_labeler
from labeling.models import Composition, Labeler
from labeling.writing.queries import begun_by, languages_of
from labeling.writing.services import COMPOSITIONS, close_submitted, start_composition
from tests.labeling.cast import make_campaign, make_labeler

pytestmark = pytest.mark.django_db

BEGUN_BY_THEMSELVES = [kind for kind in CompositionKind if kind != CompositionKind.EDIT]
ASKED: dict[str, Any] = {"ask_dialogues": True, "ask_chats": True, "ask_own_prompts": True}


def begin(labeler: Labeler, kind: CompositionKind = CompositionKind.DIALOGUE, **fields: Any) -> Composition:
    return start_composition(labeler=labeler, campaign=make_campaign(**ASKED | fields), kind=kind)


def save(composition: Composition, text: str, *, base_version: int) -> Composition:
    return COMPOSITIONS.save_draft(
        labeler=composition.labeler,
        token=str(composition.token),
        draft={"1-text": [text]},
        base_version=base_version,
    )


@pytest.mark.parametrize("kind", BEGUN_BY_THEMSELVES)
def test_what_is_begun_is_open_under_the_instructions_of_the_day(alice: Labeler, kind: CompositionKind) -> None:
    begun = begin(alice, kind)
    assert (begun.kind, begun.state, begun.draft_version) == (kind, CompositionState.OPEN, 0)
    assert begun.instruction_version.version == 1


def test_a_second_click_begins_nothing_new_until_something_is_written(alice: Labeler) -> None:
    campaign = make_campaign(**ASKED)
    first = start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.DIALOGUE)
    assert start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.DIALOGUE) == first
    assert start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.CHAT) != first
    save(first, "Hello.", base_version=0)
    assert start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.DIALOGUE) != first


@pytest.mark.parametrize("kind", BEGUN_BY_THEMSELVES)
def test_what_a_campaign_does_not_ask_for_is_not_begun(alice: Labeler, kind: CompositionKind) -> None:
    with pytest.raises(NotOffered):
        start_composition(labeler=alice, campaign=make_campaign(), kind=kind)


def test_nobody_begins_in_a_language_that_they_do_not_know(alice: Labeler) -> None:
    with pytest.raises(NotOffered):
        begin(alice, languages=["de"])


@pytest.mark.parametrize("state", [CampaignState.DRAFT, CampaignState.PAUSED, CampaignState.CLOSED])
def test_nothing_is_begun_in_a_campaign_that_is_not_open(alice: Labeler, state: CampaignState) -> None:
    with pytest.raises(CampaignNotOpen):
        begin(alice, state=state)


def test_only_active_labelers_begin() -> None:
    with pytest.raises(LabelerNotActive):
        begin(make_labeler("ivy", state=LabelerState.INVITED))
    with pytest.raises(NotOffered):  # real work is not for whoever is still screened
        begin(make_labeler("jo", state=LabelerState.SCREENING))


def test_drafts_are_versions_and_a_stale_one_is_told_what_is_stored(alice: Labeler) -> None:
    begun = begin(alice)
    assert save(begun, "First tab.", base_version=0).draft_version == 1
    with pytest.raises(DraftConflict) as conflict:
        save(begun, "Second tab.", base_version=0)
    assert (conflict.value.current_version, conflict.value.current_draft) == (1, {"1-text": ["First tab."]})
    assert save(begun, "Second tab.", base_version=1).draft == {"1-text": ["Second tab."]}


def test_nobody_reaches_the_writing_of_others(alice: Labeler, bob: Labeler) -> None:
    begun = begin(alice)
    begun.labeler = bob
    with pytest.raises(Composition.DoesNotExist):
        save(begun, "Mine now.", base_version=0)
    with pytest.raises(Composition.DoesNotExist):
        COMPOSITIONS.discard(labeler=begun.labeler, token=str(begun.token))


def test_what_was_discarded_takes_no_draft_and_keeps_the_last(alice: Labeler) -> None:
    begun = begin(alice)
    save(begun, "Never mind.", base_version=0)
    for _ in range(2):
        gone = COMPOSITIONS.discard(labeler=alice, token=str(begun.token))
        assert (gone.state, gone.draft) == (CompositionState.DISCARDED, {"1-text": ["Never mind."]})
    with pytest.raises(AlreadyDiscarded):
        save(begun, "After all.", base_version=1)
    COMPOSITIONS.keep_unsubmitted(
        labeler=alice, token=str(begun.token), sent=SentDraft(fields={"1-text": ["After all."]})
    )
    begun.refresh_from_db()
    assert begun.draft == {"1-text": ["Never mind."]}
    with pytest.raises(AlreadyDiscarded):
        COMPOSITIONS.check_standing(begun)


def test_what_was_handed_in_takes_no_draft_and_is_not_discarded(alice: Labeler) -> None:
    begun = begin(alice)
    close_submitted(begun, active_seconds=-3.0)
    assert begun.active_seconds == 0.0
    with pytest.raises(AlreadySubmitted):
        save(begun, "More.", base_version=0)
    with pytest.raises(AlreadySubmitted):
        COMPOSITIONS.discard(labeler=alice, token=str(begun.token))


def test_paused_campaigns_take_what_was_begun_and_closed_ones_do_not(alice: Labeler) -> None:
    begun = begin(alice)
    for state in (CampaignState.PAUSED, CampaignState.CLOSED):
        change_campaign_state(campaign=begun.campaign, state=state)
        begun.refresh_from_db()
        if state == CampaignState.PAUSED:
            COMPOSITIONS.check_standing(begun)
    with pytest.raises(CampaignNotOpen):
        COMPOSITIONS.check_standing(begun)
    assert save(begun, "Kept all the same.", base_version=0).draft_version == 1


def test_a_suspended_labelers_writing_is_kept_and_not_taken(alice: Labeler) -> None:
    begun = begin(alice)
    suspend_labeler(labeler=alice)
    begun = Composition.objects.get(pk=begun.pk)
    assert save(begun, "Kept.", base_version=0).draft_version == 1
    with pytest.raises(LabelerNotActive):
        COMPOSITIONS.check_standing(begun)


def test_the_start_page_lists_what_is_open_the_last_first(alice: Labeler, bob: Labeler) -> None:
    older, newer = begin(alice), begin(alice, CompositionKind.CHAT)
    begin(bob)
    gone = begin(alice)
    COMPOSITIONS.discard(labeler=alice, token=str(gone.token))
    closed = begin(alice)
    close_campaign(campaign=closed.campaign)
    save(older, "How do bees find home?", base_version=0)
    assert [(each.token, each.excerpt) for each in begun_by(alice)] == [
        (str(newer.token), ""),
        (str(older.token), "How do bees find home?"),
    ]


def test_the_interfaces_own_language_is_offered_first(alice: Labeler) -> None:
    begun = begin(alice, languages=["de", "en", "zh"])
    assert languages_of(begun, interface_language="zh-hans") == ["zh", "en"]
    assert languages_of(begun, interface_language="en") == ["en", "zh"]


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"kind": "chat"}, "never change"),
        ({"state": "lost", "closed_at": "2026-01-01T00:00Z"}, "composition_state_known"),
        ({"state": "submitted"}, "composition_closed_at_matches_state"),
        ({"closed_at": "2026-01-01T00:00Z"}, "composition_closed_at_matches_state"),
        ({"active_seconds": -1}, "composition_active_seconds"),
    ],
)
def test_postgres_refuses_what_can_not_be(alice: Labeler, change: dict[str, Any], constraint: str) -> None:
    begin(alice)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Composition.objects.update(**change)


@pytest.mark.django_db(transaction=True)
def test_eight_clicks_at_once_begin_one(alice: Labeler) -> None:
    campaign = make_campaign(**ASKED)
    at_once(8, lambda: start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.DIALOGUE))
    assert Composition.objects.count() == 1


def at_once(count: int, work: Callable[[], object]) -> None:
    start = threading.Barrier(count)

    def run() -> None:
        try:
            start.wait()
            work()
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
