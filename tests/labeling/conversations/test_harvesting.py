"""A sampled share of what is kept becomes prompts, behind every gate."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from labeling.base.states import ConversationState, IllegalMove, PersonalDataRule
from labeling.conversations.rules.harvest import Share, drawn_for, prompt_in
from labeling.conversations.services.harvesting import harvest_conversations, pass_over, release_masked
from labeling.conversations.services.keeping import keep_of_program
from labeling.models import PROMPTS_PER_SUBMITTER, Labeler, Prompt, ServedConversation, Submitter
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_prompt
from tests.labeling.conversations.talks import harvest, kept, program, takes, turns

ENGLISH = "Why is the sky blue and not violet in the evening?"


def outcome(conversation: ServedConversation) -> tuple[str, str]:
    conversation.refresh_from_db()
    return conversation.state, conversation.note


@pytest.mark.django_db
def test_a_conversation_that_is_over_becomes_a_prompt_under_its_pseudonym(alice: Labeler) -> None:
    campaign = make_campaign(languages=["en"])
    conversation = kept(alice.user, ENGLISH)
    assert harvest() == 0  # no campaign takes any: it waits
    takes(campaign)
    assert harvest_conversations() == 0  # it may still go on
    assert (harvest(), harvest()) == (1, 0)
    prompt = Prompt.objects.get()
    assert (prompt.campaign, prompt.source, prompt.language) == (campaign, "playground", "en")
    assert (prompt.submitter.name, prompt.messages) == (alice.pseudonym, turns(ENGLISH))
    assert outcome(conversation) == ("prompt", "")
    assert Submitter.objects.get().prompt_count == 1


@pytest.mark.django_db
def test_while_no_campaign_takes_any_the_admin_s_pages_say_so_and_where_to_change_it(alice: Labeler) -> None:
    kept(alice.user, ENGLISH)
    campaign, olga = make_campaign(languages=["en"]), admin_browser()
    add = reverse("admin:labeling_harvestrule_add")
    lists = [reverse(f"admin:labeling_{noun}_changelist") for noun in ("servedconversation", "harvestrule")]
    for page in (olga.get(address).text for address in lists):
        assert "none becomes a prompt: 1 is kept and waits" in page
        assert page.count(f'href="{add}"') >= 1
    assert "没有项目采集对话" in olga.get(lists[0], headers={"accept-language": "zh-hans"}).text
    assert olga.post(add, {"campaign": campaign.pk, "share": "0.5", "personal_data": "hold"}).status_code == 302
    for page in (olga.get(address).text for address in lists):
        assert "none becomes a prompt" not in page


@pytest.mark.django_db
def test_what_a_program_said_has_the_source_api_and_its_language() -> None:
    takes(make_campaign(languages=["zh"]))
    token = program()
    keep_of_program(token=token, end_user="kim", messages=turns("为什么天空是蓝色的？"))
    assert harvest() == 1
    prompt = Prompt.objects.get()
    assert (prompt.source, prompt.language) == ("api", "zh")
    assert prompt.submitter.name.startswith(f"P{token.user_id}-")


@pytest.mark.django_db
def test_near_duplicates_other_languages_and_the_201st_are_passed_over(alice: Labeler, bob: Labeler) -> None:
    campaign = make_campaign(languages=["en"])
    takes(campaign)
    make_prompt(campaign, text=ENGLISH)
    same, chinese = kept(alice.user, ENGLISH), kept(alice.user, "为什么天空是蓝色的，而不是紫色的？")
    harvest()
    assert "near-duplicate" in outcome(same)[1]
    assert outcome(chinese) == ("passed_over", "Not sampled (language: zh).")
    Submitter.objects.create(name=bob.pseudonym, split="train", prompt_count=PROMPTS_PER_SUBMITTER)
    one_more = kept(bob.user, "How do I cook a soft-boiled egg in the mountains?")
    harvest()
    assert outcome(one_more)[0] == "passed_over"
    assert "200 prompts already" in outcome(one_more)[1]


@pytest.mark.django_db
def test_personal_data_is_masked_or_held_until_somebody_has_looked(alice: Labeler, bob: Labeler) -> None:
    secret = "Please write a friendly letter to my boss kim@example.org about my holidays."
    rule = takes(make_campaign(languages=["en"]), personal_data="hold")
    held = kept(alice.user, secret)
    assert harvest() == 0
    assert outcome(held) == ("held", "It holds personal data: email.")
    with pytest.raises(IllegalMove):
        held.move(to=ConversationState.KEPT)
    prompt = release_masked(conversation=held)
    assert prompt.messages[0]["content"] == secret.replace("kim@example.org", "[email]")
    refused = kept(bob.user, "My card is 4539807302157367, please tell me what I can buy with it in this town.")
    harvest()
    pass_over(conversation=refused, reason="a whole life in it")
    assert outcome(refused) == ("passed_over", "a whole life in it")
    rule.personal_data = PersonalDataRule.MASK
    rule.save()
    kept(bob.user, "Call me back at 415-555-2671 please, and tell me a long story about a fox in the snow.")
    assert harvest() == 1
    assert "[phone]" in Prompt.objects.latest("pk").messages[0]["content"]


def test_a_share_is_a_share() -> None:
    shares = [Share(1, 0.25, ["en"], PersonalDataRule.MASK), Share(2, 0.5, ["en", "zh"], PersonalDataRule.HOLD)]
    draws = [place / 1000 for place in range(1000)]
    english = [taken.campaign_id if (taken := drawn_for(shares, language="en", draw=draw)) else 0 for draw in draws]
    assert [english.count(campaign) for campaign in (1, 2, 0)] == [250, 500, 250]
    chinese = [drawn_for(shares, language="zh", draw=draw) for draw in draws]
    assert sum(each is not None for each in chinese) == 500


def test_any_turn_of_the_person_may_be_the_prompt_with_what_came_before() -> None:
    said = turns("one", "1", "two", "2", "three", "3")
    lengths = [len(prompt_in(said, draw=place / 100)) for place in range(100)]
    assert {lengths.count(length) for length in (1, 3, 5)} == {33, 34}
    assert all(prompt_in(said, draw=draw)[-1]["role"] == "user" for draw in (0.0, 0.5, 0.999999))


@pytest.mark.django_db
def test_a_conversation_that_is_a_prompt_is_not_added_to(alice: Labeler) -> None:
    takes(make_campaign(languages=["en"]))
    first = kept(alice.user, ENGLISH)
    harvest()
    longer = kept(alice.user, ENGLISH, "Because of the air.", "And at night, why is it black then?")
    assert longer != first
    assert longer.turns.count() == 4
    assert longer.last_at > timezone.now() - timedelta(minutes=1)
