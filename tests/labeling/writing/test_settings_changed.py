"""Settings of campaigns and labelers that change while people work: what was begun keeps what it was begun with."""

from typing import Any

import pytest
from django.test import Client

from labeling.base.states import CompositionKind, CompositionState, LabelerGroup
from labeling.campaigns.services.campaigns import change_campaign
from labeling.desk.services.assignments import claim_ranking
from labeling.models import Campaign, Composition, Conversation, Labeler, OwnPrompt, Ranking, Revision
from labeling.people.services import change_labeler
from labeling.writing.services import start_composition
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task, ranking_form_data

pytestmark = pytest.mark.django_db

STATEMENTS = [{"language": "en", "text": "You run a bakery."}]
KINDS = [CompositionKind.DIALOGUE, CompositionKind.CHAT, CompositionKind.OWN_PROMPT]
SENT: dict[str, dict[str, Any]] = {
    CompositionKind.DIALOGUE: {
        "language": "en", "1-role": "user", "1-text": "Why?", "2-role": "assistant", "2-text": "Because.",
    },
    CompositionKind.OWN_PROMPT: {
        "language": "en", "kind": "user_based", "use_case": "open_qa", "prompt-text": "Which flour?",
        "statement": "You run a bakery.",
    },
}  # fmt: skip


def campaign_changes(campaign: Campaign, labeler: Labeler) -> None:
    change_campaign(campaign=campaign, languages=["fr"], use_case_statements=[])


def labeler_changes(campaign: Campaign, labeler: Labeler) -> None:
    change_labeler(labeler=labeler, group=LabelerGroup.TRAINING, languages=["fr"])


@pytest.fixture(params=[campaign_changes, labeler_changes])
def begun(request: pytest.FixtureRequest, kind: CompositionKind, alice: Labeler) -> Composition:
    campaign = make_campaign(
        ask_dialogues=True, ask_chats=True, ask_own_prompts=True, use_case_statements=STATEMENTS, languages=["en", "de"]
    )
    begun = start_composition(labeler=alice, campaign=campaign, kind=kind)
    request.param(campaign, alice)
    return begun


@pytest.mark.parametrize("kind", KINDS)
def test_open_writing_goes_on_in_its_language(client: Client, begun: Composition, kind: CompositionKind) -> None:
    page = client.get(f"/compose/{begun.token}/")
    assert page.status_code == 200
    if kind == CompositionKind.CHAT:
        sent = {"text": "Hello.", "language": "en"}
        assert client.post(f"/compose/{begun.token}/say/", sent)["Location"].endswith("#latest")
        assert Conversation.objects.get().language == "en"
        return
    client.post(f"/compose/{begun.token}/submit/", SENT[kind] | {"active_seconds": "1"})
    begun.refresh_from_db()
    assert begun.state == CompositionState.SUBMITTED
    if kind == CompositionKind.DIALOGUE:
        assert Conversation.objects.get().language == "en"
    else:
        assert (OwnPrompt.objects.get().language, OwnPrompt.objects.get().statement) == ("en", "You run a bakery.")


class TestHowMuchBetter:
    def test_answers_given_before_it_was_switched_off_are_kept(self, client: Client, alice: Labeler) -> None:
        campaign = make_campaign(ask_strength=True)
        make_ready_task(make_prompt(campaign))
        held = claim_ranking(labeler=alice)
        assert held
        change_campaign(campaign=campaign, ask_strength=False)
        assert "strength-1" in client.get(f"/work/{held.token}/").content.decode()
        answers = {"strength-1": "4", "strength-2": "3", "strength-3": "1"}
        client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 2, 3, 4], **answers))
        assert Ranking.objects.get().strengths == [4, 3, 1]

        client.post(f"/history/{held.token}/revise/")
        revision = Revision.objects.get()
        assert 'name="strength-1" value="4" checked' in " ".join(
            client.get(f"/revise/{revision.token}/").content.decode().split()
        )
        client.post(f"/revise/{revision.token}/submit/", ranking_form_data([2, 1, 3, 4], **answers))
        assert Ranking.objects.latest("revision").strengths == [4, 3, 1]

    def test_what_was_handed_out_before_it_was_switched_on_is_not_asked(self, client: Client, alice: Labeler) -> None:
        campaign = make_campaign()
        make_ready_task(make_prompt(campaign))
        held = claim_ranking(labeler=alice)
        assert held
        change_campaign(campaign=campaign, ask_strength=True)
        client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 2, 3, 4]))
        assert Ranking.objects.get().strengths is None
        make_ready_task(make_prompt(campaign))
        assert "strength-1" in client.post("/next/ranking/", follow=True).content.decode()
