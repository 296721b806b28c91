"""Own prompts handed in at the same moment: once each, and never a twin of another."""

import pytest

from labeling.base.refusals import AlreadySubmitted, PromptRefused
from labeling.base.states import CompositionKind
from labeling.models import Labeler, OwnPrompt, Prompt
from labeling.writing.own_prompts.rules import OwnWriting
from labeling.writing.own_prompts.services import submit_own_prompt
from labeling.writing.services import start_composition
from tests.labeling.cast import make_campaign, make_labeler
from tests.labeling.desk.test_claims_race import in_threads

pytestmark = pytest.mark.django_db(transaction=True)

WRITING = OwnWriting(prompt="Where do swifts sleep?", use_case="open_qa", language="en")


def test_of_six_clicks_one_counts(alice: Labeler) -> None:
    campaign = make_campaign(ask_own_prompts=True)
    begun = start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.OWN_PROMPT)

    def submit(_number: int) -> None:
        submit_own_prompt(labeler=alice, token=str(begun.token), writing=WRITING, active_seconds=1)

    errors = in_threads(6, submit)
    assert [type(error) for error in errors] == [AlreadySubmitted] * 5
    assert Prompt.objects.count() == OwnPrompt.objects.count() == 1


def test_of_four_labelers_with_the_same_idea_one_is_taken_and_the_others_keep_their_text() -> None:
    campaign = make_campaign(ask_own_prompts=True)
    labelers = [make_labeler(f"labeler-{number}") for number in range(4)]
    begun = [start_composition(labeler=each, campaign=campaign, kind=CompositionKind.OWN_PROMPT) for each in labelers]

    def submit(number: int) -> None:
        token = str(begun[number].token)
        submit_own_prompt(labeler=labelers[number], token=token, writing=WRITING, active_seconds=1)

    errors = in_threads(4, submit)
    assert [type(error) for error in errors] == [PromptRefused] * 3
    assert Prompt.objects.count() == OwnPrompt.objects.count() == 1
