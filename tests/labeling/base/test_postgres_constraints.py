"""What Postgres itself refuses, whatever Python does."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from labeling.base.states import CompositionKind
from labeling.desk.ranking.services import Judgement, fields_of_ranking, submit_ranking
from labeling.desk.services.assignments import claim_ranking
from labeling.desk.services.revisions import start_revision
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import (
    Campaign,
    Check,
    Completion,
    Conversation,
    Demonstration,
    GoldItem,
    Labeler,
    Message,
    ModelVersion,
    OwnPrompt,
    Prompt,
    RankedCompletion,
    Ranking,
    RankingTask,
    Revision,
    Submitter,
    Suggestion,
    SuggestionRequest,
    TrainingRun,
)
from labeling.ranking_tasks.services.tasks import copy_task
from labeling.training.services.requesting import request_retraining
from labeling.writing.own_prompts.rules import OwnWriting
from labeling.writing.own_prompts.services import submit_own_prompt
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import request_suggestions
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task

pytestmark = pytest.mark.django_db


def refuses(change: Callable[[], object], saying: str) -> None:
    def change_and_commit() -> None:
        with transaction.atomic():
            change()
            connection.check_constraints()  # deferred triggers speak now, not at the end of the test

    with pytest.raises(IntegrityError, match=saying):
        change_and_commit()


@pytest.fixture
def ranking(alice: Labeler) -> Ranking:
    task = make_ready_task(make_prompt(make_campaign()))
    assignment = claim_ranking(labeler=alice)
    assert assignment is not None
    judgements = [Judgement(shown_position=position, rank=position) for position in range(1, task.k_requested + 1)]
    return submit_ranking(labeler=alice, token=str(assignment.token), judgements=judgements, active_seconds=1)


def test_labels_and_completions_never_change(ranking: Ranking) -> None:
    refuses(lambda: Ranking.objects.update(note="better"), "never change")
    refuses(lambda: RankedCompletion.objects.update(rank=1), "never change")
    refuses(lambda: Completion.objects.update(text="nicer"), "never change")


def test_a_prompt_keeps_its_text_and_origin(ranking: Ranking) -> None:
    refuses(lambda: Prompt.objects.update(messages=[]), "never change")
    refuses(lambda: Prompt.objects.update(language="zh"), "never change")
    Prompt.objects.update(set_aside_reason="a state may change")


def test_a_campaign_keeps_its_slug() -> None:
    make_campaign()
    refuses(lambda: Campaign.objects.update(slug="other"), "never change")


def test_a_ranking_must_cover_its_task_exactly(ranking: Ranking) -> None:
    def second_revision(ranks: list[int]) -> None:
        copy = Ranking.objects.get(pk=ranking.pk)
        copy.pk, copy.revision = None, 2
        copy.save(force_insert=True)
        for position, (completion, rank) in enumerate(zip(copy.task.completions.all(), ranks, strict=False), start=1):
            RankedCompletion.objects.create(ranking=copy, completion=completion, rank=rank, shown_position=position)

    refuses(lambda: second_revision([1, 2, 3]), "does not cover exactly")
    refuses(lambda: second_revision([]), "does not cover exactly")
    refuses(lambda: second_revision([1, 2, 4, 4]), "gaps")
    refuses(lambda: second_revision([2, 2, 2, 2]), "gaps")
    second_revision([1, 2, 2, 1])
    connection.check_constraints()


def test_no_place_beyond_what_a_task_needs(ranking: Ranking) -> None:
    RankingTask.objects.update(state="ready")
    refuses(lambda: RankingTask.objects.update(rankings_open=1), "task_no_more_rankings_than_needed")
    refuses(lambda: RankingTask.objects.update(rankings_done=2), "task_no_more_rankings_than_needed")
    refuses(lambda: RankingTask.objects.update(state="done", rankings_needed=2), "task_done_is_fully_ranked")


def test_a_copy_is_for_one_labeler_and_shows_the_texts_of_its_task_alone(ranking: Ranking) -> None:
    copy = copy_task(task=ranking.task, labeler=make_labeler("bob"))
    copies = RankingTask.objects.filter(pk=copy.pk)
    refuses(lambda: copies.update(rankings_needed=2), "task_copy_is_for_one_labeler")
    refuses(lambda: copies.update(reserved_for=None), "task_copy_is_for_one_labeler")
    refuses(lambda: copies.update(shared=True), "task_copy_is_for_one_labeler")
    refuses(lambda: copies.update(copy_of=None), "never change")
    other = make_ready_task(make_prompt(make_campaign()))
    run = other.completions.all()[0].run
    task = RankingTask.objects.create(
        prompt=ranking.task.prompt, campaign=ranking.task.campaign, language="en", k_requested=4,
        copy_of=ranking.task, reserved_for=ranking.labeler,
    )  # fmt: skip
    refuses(
        lambda: Completion.objects.create(task=task, run=run, text="a", text_key="a", finish_reason="stop"),
        "belongs to another task",
    )


def test_a_check_is_measured_whole_and_once(ranking: Ranking) -> None:
    item = GoldItem.objects.create(task=ranking.task)
    check = Check.objects.create(labeler=ranking.labeler, task=ranking.task, kind="gold", item=item)
    checks = Check.objects.filter(pk=check.pk)
    refuses(lambda: checks.update(ranking=ranking), "check_is_measured_whole")
    refuses(lambda: checks.update(passed=True), "check_is_measured_whole")
    refuses(lambda: checks.update(pairs_held=1), "check_held_of_all")
    refuses(lambda: checks.update(kind="repeat"), "never change")
    refuses(lambda: Check.objects.create(labeler=ranking.labeler, task=ranking.task, kind="gold", item=item), "once")
    refuses(
        lambda: Check.objects.create(labeler=ranking.labeler, task=ranking.task, kind="repeat", item=item),
        "check_kind_has_its_answer",
    )


def test_a_ready_task_has_4_to_9_completions() -> None:
    prompt = make_prompt(make_campaign())
    task = RankingTask.objects.create(prompt=prompt, campaign=prompt.campaign, language="en", k_requested=4)
    refuses(lambda: RankingTask.objects.filter(pk=task.pk).update(state="ready", k=3), "4_to_9")
    refuses(lambda: RankingTask.objects.filter(pk=task.pk).update(state="ready"), "4_to_9")
    refuses(lambda: RankingTask.objects.filter(pk=task.pk).update(state="set_aside"), "has_a_reason")


def test_completions_are_fixed_once_labelers_see_them() -> None:
    task = make_ready_task(make_prompt(make_campaign()))
    run = task.sampling_runs.get()
    late = Completion(task=task, run=run, text="late", text_key="0" * 64, finish_reason="imported")
    refuses(late.save, "fixed")


def test_two_completions_of_a_task_are_distinct_texts() -> None:
    task = make_ready_task(make_prompt(make_campaign()))
    twin = task.completions.all()[0]
    RankingTask.objects.filter(pk=task.pk).update(state="set_aside", set_aside_reason="One is missing.", k=None)
    twin.pk = None
    refuses(lambda: twin.save(force_insert=True), "completion_distinct_within_task")


def test_a_labeler_holds_one_task_of_a_kind() -> None:
    campaign = make_campaign()
    make_ready_task(make_prompt(campaign))
    other = make_ready_task(make_prompt(campaign))
    assignment = claim_ranking(labeler=make_labeler())
    assert assignment is not None
    assignment.pk, assignment.task, assignment.token = None, other, "00000000-0000-0000-0000-000000000001"
    refuses(lambda: assignment.save(force_insert=True), "assignment_one_open_per_labeler_and_kind")


def test_one_current_model_of_a_kind() -> None:
    ModelVersion.objects.create(kind="sft", name="a", path="/a", state="current")
    ModelVersion.objects.create(
        kind="reward", reward_model=default_reward_model(), name="r", path="/r", state="current"
    )
    refuses(
        lambda: ModelVersion.objects.create(kind="sft", name="b", path="/b", state="current"),
        "model_one_current_per_kind",
    )
    refuses(lambda: ModelVersion.objects.update(path="/elsewhere"), "never change")


def test_never_two_training_runs_at_once() -> None:
    first = request_retraining(trigger="manual")
    same = {"reward_model": first.reward_model, "recipe": first.recipe}
    refuses(lambda: TrainingRun.objects.create(trigger="days", **same), "training_run_one_at_a_time")
    TrainingRun.objects.update(state="failed", failure="killed", finished_at=timezone.now())
    TrainingRun.objects.create(trigger="days", **same)


def test_a_submitter_stops_at_200_prompts() -> None:
    make_prompt(make_campaign(), submitter="dave")
    refuses(lambda: Submitter.objects.update(prompt_count=201), "submitter_at_most_200_prompts")


def test_a_demonstration_is_not_blank() -> None:
    prompt = make_prompt(make_campaign())
    refuses(lambda: Demonstration.objects.create(prompt=prompt, source="import", text=" \n\t"), "not_blank")


def test_only_a_model_written_message_is_picked_for_ranking(alice: Labeler) -> None:
    campaign = make_campaign()
    talk = Conversation.objects.create(campaign=campaign, labeler=alice, language="en")
    human = Message.objects.create(conversation=talk, position=1, role="user", content="hi", author_type="human")
    model = ModelVersion.objects.create(kind="sft", name="m", path="/m")
    written = Message.objects.create(
        conversation=talk, position=2, role="assistant", content="hello", author_type="model", model_version=model
    )
    refuses(lambda: make_prompt(campaign, text="one", picked_message_id=human.pk), "written by a person")
    make_prompt(campaign, text="two", picked_message_id=written.pk)
    refuses(
        lambda: Message.objects.create(
            conversation=talk, position=3, role="assistant", content="x", author_type="model"
        ),
        "message_model_written_names_its_model",
    )


def test_a_ranking_has_a_strength_between_each_rank_and_the_next_or_none_at_all(ranking: Ranking) -> None:
    def second_revision(strengths: list[int]) -> None:
        copy = Ranking.objects.get(pk=ranking.pk)
        copy.pk, copy.revision, copy.strengths = None, 2, strengths
        copy.save(force_insert=True)
        for position, completion in enumerate(copy.task.completions.all(), start=1):
            RankedCompletion.objects.create(ranking=copy, completion=completion, rank=position, shown_position=position)

    refuses(lambda: second_revision([1, 2]), "one strength between each")
    refuses(lambda: second_revision([]), "one strength between each")
    refuses(lambda: second_revision([1, 2, 5]), "ranking_strengths")
    second_revision([4, 1, 2])
    connection.check_constraints()


def test_a_conversation_that_was_handed_in_is_fixed() -> None:
    talk = Conversation.objects.create(campaign=make_campaign(), labeler=make_labeler(), language="en")
    Message.objects.create(conversation=talk, position=1, role="user", content="hi", author_type="human")
    refuses(lambda: Message.objects.update(content="bye"), "never change")
    refuses(lambda: Conversation.objects.update(language="zh"), "never change")
    Conversation.objects.update(submitted_at=timezone.now())
    late = Message(conversation=talk, position=2, role="user", content="wait", author_type="human")
    refuses(late.save, "nothing is added")


def test_a_suggestion_keeps_its_text_and_its_outcome_fits_what_it_became() -> None:
    suggestion = make_suggestion("As a bee flies.")
    refuses(lambda: Suggestion.objects.update(text="better"), "never change")
    refuses(lambda: SuggestionRequest.objects.update(messages=[]), "never change")
    refuses(lambda: Suggestion.objects.update(outcome="used"), "suggestion_outcome_matches_its_message")
    refuses(lambda: Suggestion.objects.update(outcome="edited", edit_distance=3), "outcome_matches_its_message")
    Suggestion.objects.update(outcome="dismissed")
    refuses(lambda: SuggestionRequest.objects.update(state="failed"), "failed_with_a_reason")
    refuses(lambda: SuggestionRequest.objects.update(state="ready"), "finished_at_matches_state")
    refuses(lambda: SuggestionRequest.objects.update(wanted=5), "never change")
    twin = SuggestionRequest.objects.get(pk=suggestion.request_id)
    twin.pk, twin.token = None, "00000000-0000-0000-0000-000000000001"
    refuses(lambda: twin.save(force_insert=True), "suggestion_request_one_waiting")


def make_suggestion(text: str) -> Suggestion:
    """What a model said to a labeler who still waits for more."""
    campaign = make_campaign(ask_dialogues=True)
    alice = make_labeler()
    model = ModelVersion.objects.create(kind="sft", name="m", path="/m", state="current")
    begun = start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.DIALOGUE)
    request = request_suggestions(
        labeler=alice, token=str(begun.token), position=2, messages=[{"role": "user", "content": "How do bees fly?"}]
    )
    return Suggestion.objects.create(
        request=request, number=1, text=text, model_version=model, seed=1, token_count=3, mean_logprob=-1.0
    )


def test_a_revision_is_open_once_and_remembers_what_it_began_from(ranking: Ranking) -> None:
    begun = start_revision(labeler=ranking.labeler, token=str(ranking.assignment.token), fields_of=fields_of_ranking)
    again = {"assignment": begun.assignment, "handed_in": {}, "started_at": begun.started_at}
    refuses(lambda: Revision.objects.create(**again), "revision_one_open_per_assignment")
    refuses(lambda: Revision.objects.update(handed_in={}), "never change")
    refuses(lambda: Revision.objects.update(state="kept"), "revision_closed_at_matches_state")
    Revision.objects.update(state="kept", closed_at=timezone.now())
    Revision.objects.create(**again)


def test_an_own_prompt_stays_as_it_was_written(alice: Labeler) -> None:
    begun = start_composition(
        labeler=alice, campaign=make_campaign(ask_own_prompts=True), kind=CompositionKind.OWN_PROMPT
    )
    writing = OwnWriting(prompt="Why?", use_case="open_qa", language="en")
    own = submit_own_prompt(labeler=alice, token=str(begun.token), writing=writing, active_seconds=1)
    refuses(lambda: OwnPrompt.objects.update(text="Why not?"), "never change")
    same = {"composition": own.composition, "text": "Why?", "use_case": "open_qa", "language": "en"}
    refuses(lambda: OwnPrompt.objects.create(**same, source="labeler_few_shot"), "pairs_where_few_shot")
    refuses(lambda: OwnPrompt.objects.create(**same, source="labeler_user_based"), "statement_where_user_based")
    refuses(lambda: OwnPrompt.objects.create(**same, source="api"), "own_prompt_source_known")
