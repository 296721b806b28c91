"""What is kept of conversations: what was agreed to, under a pseudonym, once."""

import pytest

from labeling.base.refusals import PromptRefused, ReasonMissing
from labeling.conversations.services.consent import record_agreement
from labeling.conversations.services.keeping import keep_of_person, keep_of_program, submitter_of_program
from labeling.conversations.services.withdrawing import withdraw
from labeling.models import Labeler, ServedConversation
from tests.labeling.conversations.talks import agrees, asks, policy, program, turns

pytestmark = pytest.mark.django_db


def said(conversation: ServedConversation) -> list[tuple[str, str, str | None]]:
    found = conversation.turns.select_related("model_version")
    return [(turn.role, turn.content, turn.model_version.name if turn.model_version else None) for turn in found]


def test_nothing_is_kept_before_a_yes_nor_after_a_no(alice: Labeler) -> None:
    assert asks(alice.user, "Why is the sky blue?") is None
    agrees(alice.user, agreed=False)
    assert asks(alice.user, "Why is the sky blue?") is None
    agrees(alice.user)
    assert keep_of_person(user=alice.user, version=policy(), messages=turns("Hi"), store=False) is None
    assert not ServedConversation.objects.exists()
    assert asks(alice.user, "Why is the sky blue?") is not None


def test_a_yes_is_for_one_model_version_and_the_last_word_counts(alice: Labeler) -> None:
    agrees(alice.user, policy())
    assert asks(alice.user, "Hi", version=policy("policy-2")) is None
    agrees(alice.user, policy(), agreed=False)
    assert asks(alice.user, "Hi") is None


def test_a_conversation_goes_on_as_one_and_branches_into_two(alice: Labeler) -> None:
    agrees(alice.user)
    first = asks(alice.user, "Why?", answer="So.")
    assert asks(alice.user, "Why?", "So.", "Really?", answer="Yes.") == first
    assert said(first) == [
        ("user", "Why?", None), ("assistant", "So.", "policy-1"),
        ("user", "Really?", None), ("assistant", "Yes.", "policy-1"),
    ]  # fmt: skip
    other = asks(alice.user, "Why?", answer="Made again.")
    edited = asks(alice.user, "Why?", "So.", "How?", answer="Thus.")
    assert len({first, other, edited}) == 3
    assert [role for role, _text, _model in said(edited)] == ["user", "assistant"] * 2


def test_an_answer_that_was_not_kept_comes_with_the_next_turn(alice: Labeler) -> None:
    agrees(alice.user)
    first = asks(alice.user, "Why?", answer="")
    assert said(first) == [("user", "Why?", None)]
    assert asks(alice.user, "Why?", "So, I think.", "And?", answer="No.") == first
    assert [text for _role, text, _model in said(first)] == ["Why?", "So, I think.", "And?", "No."]


def test_what_was_said_before_a_yes_or_was_taken_back_never_comes_in_with_a_later_turn(alice: Labeler) -> None:
    """The page sends its whole conversation with each question."""
    agrees(alice.user, agreed=False)
    assert asks(alice.user, "My name is Alice.") is None
    agrees(alice.user)
    assert asks(alice.user, "My name is Alice.", "Hi Alice.", "Who am I?") is None
    assert asks(alice.user, "My name is Alice.", "Hi Alice.", "Who am I?", "Alice.", "Sure?") is None
    agreed = asks(alice.user, "Why?", answer="So.")
    agrees(alice.user, agreed=False)
    asks(alice.user, "Why?", "So.", "A secret.")
    agrees(alice.user)
    assert asks(alice.user, "Why?", "So.", "A secret.", "I see.", "And now?") is None
    assert asks(alice.user, "Why?", "So.", "And now?", answer="Yes.") == agreed
    withdraw(user=alice.user, by=alice.user)
    assert asks(alice.user, "Why?", "So.", "And now?", "Yes.", "Still?") is None
    assert not ServedConversation.objects.exists()


def test_nobody_goes_on_with_anothers_conversation(alice: Labeler, bob: Labeler) -> None:
    for labeler in (alice, bob):
        agrees(labeler.user)
        asks(labeler.user, "Why?", answer="So.")
    longer = asks(bob.user, "Why?", "So.", "And?", answer="No.")
    assert (longer.user, longer.submitter) == (bob.user, bob.pseudonym)
    assert [each.turns.count() for each in ServedConversation.objects.filter(user=alice.user)] == [2]


def test_a_program_consents_in_writing_and_a_request_may_only_lower_it() -> None:
    token = program(agreed=False)
    assert keep_of_program(token=token, messages=turns("Hi"), store=True) is None
    record_agreement(token=token, agreed=True, agreement="A letter of 4 May.", by=token.user)
    assert keep_of_program(token=token, messages=turns("Hi"), store=False) is None
    kept = keep_of_program(token=token, messages=turns("Hi"))
    assert kept is not None
    assert (kept.source, kept.submitter) == ("api", f"P{token.user_id}")
    with pytest.raises(PromptRefused):
        keep_of_program(token=token, messages=turns("Hi", "Ho"))
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
