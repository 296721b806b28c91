"""What is kept of conversations: what was agreed to, under a pseudonym, once."""

import pytest

from labeling.base.refusals import PromptRefused, ReasonMissing
from labeling.conversations.services.consent import record_agreement
from labeling.conversations.services.keeping import (
    consent_for_request,
    keep_of_person,
    keep_of_program,
    submitter_of_program,
)
from labeling.models import Labeler, ServedConversation
from tests.labeling.conversations.talks import agrees, answered, policy, program, turns

pytestmark = pytest.mark.django_db


def said(conversation: ServedConversation) -> list[tuple[str, str, str | None]]:
    found = conversation.turns.select_related("model_version")
    return [(turn.role, turn.content, turn.model_version and turn.model_version.name) for turn in found]


def test_nothing_is_kept_before_a_yes_nor_after_a_no(alice: Labeler) -> None:
    hello = turns("Why is the sky blue?")
    assert keep_of_person(user=alice.user, messages=hello, answered=answered()) is None
    agrees(alice.user, agreed=False)
    assert keep_of_person(user=alice.user, messages=hello, answered=answered()) is None
    agrees(alice.user)
    assert keep_of_person(user=alice.user, messages=hello, answered=answered(), store=False) is None
    assert not ServedConversation.objects.exists()
    assert keep_of_person(user=alice.user, messages=hello, answered=answered()) is not None


def test_a_yes_is_for_one_model_version_and_the_last_word_counts(alice: Labeler) -> None:
    agrees(alice.user, policy())
    newer = answered(version=policy("policy-2"))
    assert keep_of_person(user=alice.user, messages=turns("Hi"), answered=newer) is None
    agrees(alice.user, policy(), agreed=False)
    assert keep_of_person(user=alice.user, messages=turns("Hi"), answered=answered()) is None


def test_a_conversation_goes_on_as_one_and_branches_into_two(alice: Labeler) -> None:
    agrees(alice.user)
    first = keep_of_person(user=alice.user, messages=turns("Why?"), answered=answered("So."))
    again = keep_of_person(user=alice.user, messages=turns("Why?", "So.", "Really?"), answered=answered("Yes."))
    assert first is not None
    assert again == first
    assert said(first) == [
        ("user", "Why?", None), ("assistant", "So.", "policy-1"),
        ("user", "Really?", None), ("assistant", "Yes.", "policy-1"),
    ]  # fmt: skip
    other = keep_of_person(user=alice.user, messages=turns("Why?"), answered=answered("Made again."))
    edited = keep_of_person(user=alice.user, messages=turns("Why?", "So.", "How?"), answered=answered("Thus."))
    assert len({first, other, edited}) == 3
    assert edited is not None
    assert [role for role, _text, _model in said(edited)] == ["user", "assistant"] * 2


def test_nobody_goes_on_with_anothers_conversation(alice: Labeler, bob: Labeler) -> None:
    for labeler in (alice, bob):
        agrees(labeler.user)
        keep_of_person(user=labeler.user, messages=turns("Why?"), answered=answered("So."))
    longer = keep_of_person(user=bob.user, messages=turns("Why?", "So.", "And?"), answered=answered("No."))
    assert longer is not None
    assert (longer.user, longer.submitter) == (bob.user, bob.pseudonym)
    assert [each.turns.count() for each in ServedConversation.objects.filter(user=alice.user)] == [2]


def test_a_program_consents_in_writing_and_a_request_may_only_lower_it() -> None:
    token = program(agreed=False)
    assert consent_for_request(token, store=True) is None
    record_agreement(token=token, agreed=True, agreement="A letter of 4 May.", by=token.user)
    consent = consent_for_request(token, store=None)
    assert consent is not None
    assert consent_for_request(token, store=False) is None
    kept = keep_of_program(token=token, consent=consent, end_user="", messages=turns("Hi"), answered=answered())
    assert (kept.source, kept.submitter) == ("api", f"P{token.user_id}")
    with pytest.raises(PromptRefused):
        keep_of_program(token=token, consent=consent, end_user="", messages=turns("Hi", "Ho"), answered=answered())
    with pytest.raises(ReasonMissing):
        record_agreement(token=token, agreed=True, agreement=" ", by=token.user)


def test_end_users_of_a_program_have_stable_pseudonyms_that_name_nobody() -> None:
    token, other = program("bot"), program("shop")
    kim = submitter_of_program(token, "kim@example.org")
    assert kim == submitter_of_program(token, "kim@example.org")
    assert "kim" not in kim
    assert (
        len({kim, submitter_of_program(token, "lee@example.org"), submitter_of_program(other, "kim@example.org")}) == 3
    )
