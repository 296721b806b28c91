"""Chats with the model, and the ranking that each leaves to its own labeler."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import AlreadySubmitted, ChatRefused, PromptRefused
from labeling.base.states import AssignmentKind, CompositionKind, SkipReason, SuggestionState, TaskState
from labeling.desk.queries.available import available_by_campaign
from labeling.desk.services.assignments import claim_ranking, skip
from labeling.desk.services.leases import suspend_labeler
from labeling.models import Composition, Labeler, Message, ModelVersion, Prompt, RankingTask, Suggestion
from labeling.ranking_tasks.services.sampling import OTHER_TASKS, RESERVED_TASKS, one_source, sample_tasks
from labeling.ranking_tasks.services.tasks import release_reservations, top_up
from labeling.writing.chats.services import MOST_CHAT_TURNS, ask_again, end_chat, say
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import SUGGESTION_REQUESTS, answer_request
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db


@pytest.fixture
def model() -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")


@pytest.fixture
def chat(alice: Labeler, model: ModelVersion) -> Composition:
    return begin(alice)


def begin(labeler: Labeler, **fields: Any) -> Composition:
    campaign = make_campaign(ask_chats=True, k_min=4, k_max=4, **fields)
    return start_composition(labeler=labeler, campaign=campaign, kind=CompositionKind.CHAT)


def tell(chat: Composition, text: str) -> None:
    say(labeler=chat.labeler, token=str(chat.token), text=text, language="en")


def answer(chat: Composition, text: str) -> None:
    request = chat.suggestion_requests.get(state=SuggestionState.WAITING)
    answer_request(request_id=request.pk, model=ModelVersion.objects.get(), sampler=ScriptedSampler(text))


def talk(chat: Composition, *lines: str) -> None:
    """Lines of both, the labeler's first."""
    for mine, theirs in zip(lines[::2], lines[1::2], strict=True):
        tell(chat, mine)
        answer(chat, theirs)


def end(chat: Composition, seed: int = 0) -> RankingTask:
    return end_chat(labeler=chat.labeler, token=str(chat.token), active_seconds=90.0, chance=random.Random(seed))


def fill(task: RankingTask) -> None:
    source = one_source(ModelVersion.objects.get(), ScriptedSampler())
    sample_tasks(task_ids=[task.pk], sources=source, resample_limit=1)
    task.refresh_from_db()


def test_the_models_turns_are_the_models(chat: Composition, model: ModelVersion) -> None:
    talk(chat, "Hi!", "Hello.", "How are you?", "Well.")
    messages = chat.conversation.messages.order_by("position")
    assert [(each.role, each.author_type, each.content) for each in messages] == [
        ("user", "human", "Hi!"),
        ("assistant", "model", "Hello."),
        ("user", "human", "How are you?"),
        ("assistant", "model", "Well."),
    ]
    assert {each.model_version for each in messages if each.role == "assistant"} == {model}
    assert Suggestion.objects.filter(outcome="used", edit_distance=0).count() == 2
    last = chat.suggestion_requests.order_by("pk").last()
    assert last is not None
    assert [each["content"] for each in last.messages] == ["Hi!", "Hello.", "How are you?"]


def test_saying_something_empties_the_draft(chat: Composition) -> None:
    Composition.objects.update(draft={"text": ["Hi!"]}, draft_version=3)
    tell(chat, "Hi!")
    chat.refresh_from_db()
    assert (chat.draft, chat.draft_version) == ({}, 4)


def test_nobody_talks_over_the_model(chat: Composition) -> None:
    tell(chat, "Hi!")
    with pytest.raises(ChatRefused, match="not answered yet"):
        tell(chat, "Hello?")
    assert Message.objects.count() == 1


def test_nothing_said_is_refused(chat: Composition) -> None:
    with pytest.raises(PromptRefused):
        tell(chat, " \n")
    assert Message.objects.count() == 0


def test_a_chat_has_an_end(chat: Composition) -> None:
    for number in range(MOST_CHAT_TURNS):
        talk(chat, f"Line {number}", f"Answer {number}")
    with pytest.raises(ChatRefused, match=f"{MOST_CHAT_TURNS} turns"):
        tell(chat, "One more?")


def test_an_answer_that_did_not_come_is_asked_for_again(chat: Composition) -> None:
    tell(chat, "Hi!")
    ask_again(labeler=chat.labeler, token=str(chat.token))
    assert chat.suggestion_requests.count() == 1
    SUGGESTION_REQUESTS.give_up_late(now=timezone.now() + timedelta(seconds=121))
    ask_again(labeler=chat.labeler, token=str(chat.token))
    answer(chat, "Hello.")
    ask_again(labeler=chat.labeler, token=str(chat.token))
    assert [each.state for each in chat.suggestion_requests.order_by("pk")] == ["failed", "ready"]
    assert Message.objects.count() == 2


def test_the_end_makes_a_task_of_a_model_written_message_and_what_came_before(
    chat: Composition, alice: Labeler
) -> None:
    talk(chat, "Hi!", "Hello.", "How are you?", "Well.")
    task = end(chat)
    picked = task.prompt.picked_message
    assert picked is not None
    assert picked.author_type == "model"
    before = chat.conversation.messages.filter(position__lt=picked.position).order_by("position")
    assert [each["content"] for each in task.prompt.messages] == [each.content for each in before]
    assert (task.reserved_for, task.rankings_needed, task.state) == (alice, 1, TaskState.SAMPLING)
    assert [(each.text, each.run.model_version) for each in task.completions.all()] == [
        (picked.content, picked.model_version)
    ]
    drawn = task.completions.values_list("token_ids", "logprobs", "first_token_seconds", "seconds").get()
    assert drawn == ([7, 8, 9], [-0.5, -1.0, -1.5], 0.25, 76.543)
    task.prompt.refresh_from_db()
    assert (task.prompt.ranking_tasks_needed, task.prompt.ranking_tasks_made) == (1, 1)
    fill(task)
    assert (task.state, task.k) == (TaskState.READY, 4)
    chat.refresh_from_db()
    assert (chat.state, chat.active_seconds) == ("submitted", 90.0)
    assert chat.conversation.submitted_at is not None


def test_every_model_written_message_is_as_likely_to_be_picked(chat: Composition) -> None:
    """One chat is ended again and again: each end is taken back."""
    talk(chat, "a", "A", "b", "B", "c", "C")
    picks: Counter[int] = Counter()
    for seed in range(60):
        with transaction.atomic():
            picked = end(chat, seed).prompt.picked_message
            transaction.set_rollback(True)
        assert picked is not None
        picks[picked.position] += 1
    assert set(picks) == {2, 4, 6}
    assert min(picks.values()) >= 8  # of 20 expected; a fair draw falls below that once in a thousand


def test_where_the_beginning_is_known_another_message_is_picked(chat: Composition) -> None:
    make_prompt(chat.campaign, text="Hi!")
    talk(chat, "Hi!", "Hello.", "How are you?", "Well.")
    for seed in range(4):
        state = random.Random(seed)
        order = [2, 4]
        state.shuffle(order)
        if order[0] == 2:
            break
    picked = end(chat, seed).prompt.picked_message
    assert picked is not None
    assert picked.position == 4


def test_a_chat_that_is_known_altogether_stays_open(chat: Composition) -> None:
    make_prompt(chat.campaign, text="Hi!")
    talk(chat, "Hi!", "Hello.")
    with pytest.raises(PromptRefused):
        end(chat)
    chat.refresh_from_db()
    assert chat.state == "open"
    talk(chat, "How are you?", "Well.")
    assert end(chat).prompt.picked_message is not None


def test_there_must_be_something_to_rank(chat: Composition) -> None:
    with pytest.raises(ChatRefused):
        end(chat)
    tell(chat, "Hi!")
    with pytest.raises(ChatRefused):
        end(chat)


def test_it_ends_once(chat: Composition) -> None:
    talk(chat, "Hi!", "Hello.")
    end(chat)
    with pytest.raises(AlreadySubmitted):
        end(chat)
    assert (Prompt.objects.count(), RankingTask.objects.count()) == (1, 1)


def test_an_answer_that_comes_after_the_end_is_dropped(chat: Composition, model: ModelVersion) -> None:
    talk(chat, "Hi!", "Hello.")
    tell(chat, "Bye!")
    request = chat.suggestion_requests.get(state=SuggestionState.WAITING)
    end(chat)
    answer_request(request_id=request.pk, model=model, sampler=ScriptedSampler("Too late."))
    assert [each.content for each in Message.objects.order_by("position")] == ["Hi!", "Hello.", "Bye!"]


def test_its_own_labeler_is_offered_it_first_and_nobody_else(chat: Composition, alice: Labeler, bob: Labeler) -> None:
    older = make_ready_task(make_prompt(chat.campaign))
    talk(chat, "Hi!", "Hello.")
    task = end(chat)
    fill(task)
    carol = make_labeler("carla")
    for labeler, expected in ((bob, older), (carol, None)):
        assert sum(available_by_campaign(labeler, AssignmentKind.RANKING).values()) == (1 if expected else 0)
        held = claim_ranking(labeler=labeler)
        assert (held.task if held else None) == expected
    assert sum(available_by_campaign(alice, AssignmentKind.RANKING).values()) == 1
    held = claim_ranking(labeler=alice)
    assert held is not None
    assert held.task == task


def test_its_own_labeler_ranks_it_before_older_work(chat: Composition, alice: Labeler) -> None:
    make_ready_task(make_prompt(chat.campaign))
    talk(chat, "Hi!", "Hello.")
    task = end(chat)
    fill(task)
    held = claim_ranking(labeler=alice)
    assert held is not None
    assert held.task == task


def test_tasks_of_chats_do_not_count_as_work_kept_ready_for_everybody(chat: Composition) -> None:
    talk(chat, "Hi!", "Hello.")
    end(chat)
    chat.campaign.ready_minutes = 2
    chat.campaign.save()
    make_prompt(chat.campaign)
    assert len(top_up(campaign=chat.campaign)) == 1


def test_what_somebody_waits_for_is_sent_apart_from_what_is_sampled_ahead(chat: Composition) -> None:
    talk(chat, "Hi!", "Hello.")
    task = end(chat)
    make_prompt(chat.campaign)
    ahead = top_up(campaign=chat.campaign)
    assert RESERVED_TASKS.take() == [task.pk]
    assert OTHER_TASKS.take() == ahead


@pytest.mark.parametrize("why", ["skipped", "suspended", "days"])
def test_what_its_labeler_does_not_rank_goes_to_others(
    chat: Composition, alice: Labeler, why: str, bob: Labeler
) -> None:
    talk(chat, "Hi!", "Hello.")
    fill(end(chat))
    assert release_reservations() == 0
    now = timezone.now()
    if why == "skipped":
        held = claim_ranking(labeler=alice)
        assert held is not None
        skip(labeler=alice, token=str(held.token), reason=SkipReason.UNCLEAR)
    elif why == "suspended":
        suspend_labeler(labeler=alice)
    else:
        now += timedelta(days=4)
    assert release_reservations(now=now) == 1
    assert claim_ranking(labeler=bob) is not None
