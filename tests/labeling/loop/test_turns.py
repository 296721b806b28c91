"""A turn from new rankings to a promoted policy: every gate, every pause, every failure, two beats at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.db import connections

from labeling.base.refusals import LoopRefused, ModelRefused
from labeling.base.states import IllegalMove, RunState, TurnState
from labeling.campaigns.services.campaigns import change_campaign
from labeling.evaluations.services.promoting import promote_candidate
from labeling.evaluations.services.running import stop_evaluation
from labeling.exports.services.lineage import models_that_saw
from labeling.loop.rules import policy_gate, with_policy
from labeling.loop.services.advancing import advance, advance_loops
from labeling.loop.services.steering import change_loop, create_loop, let_go_on, pause_loop, take_up_again
from labeling.model_versions.queries import current_sft_model
from labeling.model_versions.services.promotion import promote, retire
from labeling.model_versions.services.trying import answer_check
from labeling.models import Evaluation, Loop, ModelVersion, PolicyRun, TrainingRun, Turn
from labeling.policies.queries import same_labels
from labeling.training.services.requesting import request_retraining
from labeling.training.services.watching import have_watched
from tests.labeling.cast import make_labeler
from tests.labeling.evaluations.people_judge import judge
from tests.labeling.loop.turning import beat, failed, people_judge, policy_trained, ranked, reward_model_trained

pytestmark = pytest.mark.django_db


def at_the_policy(loop: Loop, name: str = "alice") -> Turn:
    """A turn whose reward model is promoted and whose policy is asked for."""
    ranked(loop, make_labeler(name))
    reward_model_trained(beat(loop))
    return beat(loop)


def at_the_evaluation(loop: Loop, checkpoint: Path) -> Turn:
    policy_trained(at_the_policy(loop), checkpoint)
    return beat(loop)


def test_a_whole_turn_goes_on_by_itself_from_rankings_to_a_promoted_policy(
    loop: Loop, sft: ModelVersion, checkpoint: Path
) -> None:
    alice, hanna = make_labeler("alice"), judge()
    turn = beat(loop)
    assert (turn.number, turn.state) == (1, TurnState.RANKINGS)
    ranked(loop, alice, 1)
    assert beat(loop).state == TurnState.RANKINGS  # one is too few
    ranked(loop, alice, 1)
    turn = beat(loop)
    assert (turn.state, turn.rankings) == (TurnState.REWARD_MODEL, 2)
    run = TrainingRun.objects.get()
    assert (turn.training_run, run.trigger, run.trigger_note) == (run, "loop", f"{turn} has 2 new rankings.")
    assert beat(loop).state == TurnState.REWARD_MODEL  # it is under way
    reward = reward_model_trained(turn)
    turn = beat(loop)
    assert turn.state == TurnState.POLICY
    ppo = PolicyRun.objects.get()
    assert (turn.policy_run, ppo.stage, ppo.trigger) == (ppo, "ppo", "loop")
    assert (ppo.start, ppo.rewarded_by) == (sft, reward)  # from the best policy, against the turn's reward model
    policy = policy_trained(turn, checkpoint)
    turn = beat(loop)
    evaluation = Evaluation.objects.get()
    assert (turn.state, turn.evaluation) == (TurnState.EVALUATION, evaluation)
    assert (evaluation.candidate, evaluation.baseline, evaluation.state) == (policy, sft, "running")
    assert beat(loop).state == TurnState.EVALUATION
    people_judge(turn, hanna, like_the_new=True)
    turn = beat(loop)
    assert (turn.state, turn.reason) == (TurnState.PROMOTED, "")
    assert current_sft_model() == policy
    assert (turn.policy_before, turn.policy_after, turn.reward_after) == (sft, policy, reward)
    assert run.pk == TrainingRun.objects.get().pk  # everything began once
    second = beat(loop)
    assert (second.number, second.state, second.policy_before) == (2, TurnState.RANKINGS, policy)
    ranked(loop, alice)
    second = beat(loop)
    assert (second.state, second.reward_before) == (TurnState.REWARD_MODEL, reward)
    # whoever withdraws what the first turn learned from is told of its reward model and its policy
    assert reward.snapshot is not None
    assert {reward, policy} <= set(models_that_saw([reward.snapshot]))


def test_a_reward_model_that_is_not_promoted_ends_the_turn_and_the_next_waits_for_rankings(loop: Loop) -> None:
    alice = make_labeler("alice")
    ranked(loop, alice)
    turn = beat(loop)
    version = reward_model_trained(turn, promoted=False)
    turn = beat(loop)
    assert (turn.state, turn.ended_in, turn.reward_after) == (TurnState.ENDED, TurnState.REWARD_MODEL, version)
    assert "not good enough to go on with. Kept as candidate: not shown to be better." in turn.reason
    assert not PolicyRun.objects.exists()
    following = beat(loop)
    assert (following.number, following.state, loop.paused) == (2, TurnState.RANKINGS, False)
    # the gate is opened wider, and the same run passes it: nothing is trained twice
    change_loop(loop=loop, reward_gate="not_worse")
    again = take_up_again(turn=turn)
    assert again is not None
    assert (again.number, again.state, again.training_run) == (1, TurnState.POLICY, turn.training_run)
    assert loop.turns.count() == 1  # the second one gave way
    assert PolicyRun.objects.get().rewarded_by == version


def test_a_reward_model_that_may_be_worse_does_not_pass_the_wider_gate_either(loop: Loop) -> None:
    change_loop(loop=loop, reward_gate="not_worse")
    ranked(loop, make_labeler())
    reward_model_trained(beat(loop), promoted=False, not_worse=False)
    assert beat(loop).state == TurnState.ENDED


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ({"least_gain": 0.75}, "a gain of +0.700; at least +0.750 is asked for"),
        ({"most_kl": 2.5}, "is 3.00 nats an answer; 2.50 are allowed"),
    ],
)
def test_a_policy_out_of_its_bounds_is_shown_to_nobody(
    loop: Loop, checkpoint: Path, gates: dict[str, float], said: str
) -> None:
    change_loop(loop=loop, **gates)
    policy_trained(at_the_policy(loop), checkpoint)
    turn = beat(loop)
    assert (turn.state, turn.ended_in) == (TurnState.ENDED, TurnState.POLICY)
    assert said in turn.reason
    assert not Evaluation.objects.exists()


def test_gates_whose_number_is_not_known_stay_closed() -> None:
    nothing = {"started": None, "reached": None, "kl": None}
    assert policy_gate(**nothing, least_gain=None, most_kl=None) == ""
    assert "is not known" in policy_gate(**nothing, least_gain=0.0, most_kl=None)
    assert "is not known" in policy_gate(**nothing, least_gain=None, most_kl=1.0)
    assert policy_gate(started=0.5, reached=0.5, kl=1.0, least_gain=0.0, most_kl=1.0) == ""


def test_a_policy_that_people_do_not_prefer_is_not_promoted_and_is_not_asked_again(
    loop: Loop, sft: ModelVersion, checkpoint: Path
) -> None:
    turn = at_the_evaluation(loop, checkpoint)
    people_judge(turn, judge(), like_the_new=False)
    turn = beat(loop)
    assert (turn.state, turn.ended_in) == (TurnState.ENDED, TurnState.EVALUATION)
    assert current_sft_model() == sft
    with pytest.raises(LoopRefused, match="did not pass"):
        take_up_again(turn=turn)
    assert beat(loop).number == 2


def test_it_pauses_after_each_step_and_goes_on_where_it_was(loop: Loop, checkpoint: Path) -> None:
    steps = ["rankings", "reward_model", "policy", "evaluation"]
    change_loop(loop=loop, pauses_after=steps)
    hanna = judge()

    def held(step: str) -> Turn:
        turn = beat(loop)
        assert (turn.state, loop.paused) == (step, True)
        assert "somebody wants to look" in loop.paused_because
        assert beat(loop).state == step  # beat does nothing while it is paused
        let_go_on(loop=loop)
        turn.refresh_from_db()
        return turn

    ranked(loop, make_labeler("alice"))
    turn = held("rankings")
    assert turn.state == TurnState.REWARD_MODEL
    reward_model_trained(turn)
    turn = held("reward_model")
    policy_trained(turn, checkpoint)
    turn = held("policy")
    people_judge(turn, hanna, like_the_new=True)
    before = current_sft_model()
    turn = beat(loop)
    assert current_sft_model() == before
    turn = held("evaluation")
    assert turn.state == TurnState.PROMOTED
    assert current_sft_model() == turn.policy_after


def test_a_loop_that_is_paused_by_hand_begins_nothing_and_ends_what_is_under_way(loop: Loop) -> None:
    ranked(loop, make_labeler())
    turn = beat(loop)
    pause_loop(loop=loop)
    with pytest.raises(LoopRefused, match="paused already"):
        pause_loop(loop=loop)
    reward_model_trained(turn)
    advance_loops()
    turn.refresh_from_db()
    assert turn.state == TurnState.REWARD_MODEL
    let_go_on(loop=loop)
    turn.refresh_from_db()
    assert turn.state == TurnState.POLICY
    with pytest.raises(LoopRefused, match="is not paused"):
        let_go_on(loop=loop)


def test_failed_runs_end_the_turn_in_words_and_the_step_is_done_again(loop: Loop, checkpoint: Path) -> None:
    ranked(loop, make_labeler())
    turn = beat(loop)
    failed(turn.training_run)
    turn = beat(loop)
    assert (turn.state, loop.paused) == (TurnState.ENDED, True)
    assert turn.reason == loop.paused_because == f"{turn.training_run} failed: The disk is full."
    assert beat(loop).number == 1  # no further turn meets the same
    again = take_up_again(turn=turn)
    assert again is not None
    assert again.state == TurnState.REWARD_MODEL
    assert TrainingRun.objects.count() == 2
    reward_model_trained(again)
    turn = beat(loop)
    failed(turn.policy_run)
    turn = beat(loop)
    assert (turn.ended_in, turn.state) == (TurnState.POLICY, TurnState.ENDED)
    take_up_again(turn=turn)
    turn.refresh_from_db()
    assert turn.policy_run is not None
    assert turn.policy_run.state == RunState.QUEUED
    policy = policy_trained(turn, checkpoint)
    turn = beat(loop)
    assert turn.evaluation is not None
    stop_evaluation(evaluation=turn.evaluation, reason="The wrong rubric.")
    turn = beat(loop)
    assert turn.reason == "The evaluation was stopped: The wrong rubric."
    take_up_again(turn=turn)
    turn.refresh_from_db()
    assert (turn.state, turn.policy_after) == (TurnState.EVALUATION, policy)
    assert Evaluation.objects.count() == 2
    with pytest.raises(LoopRefused, match="Only a turn that has ended"):
        take_up_again(turn=turn)


def test_what_services_refuse_ends_the_turn_in_their_words(loop: Loop, sft: ModelVersion, checkpoint: Path) -> None:
    ranked(loop, make_labeler())
    reward_model_trained(beat(loop))
    retire(version=sft, reason="It is broken.")
    turn = beat(loop)
    assert "There is no language model to begin from" in turn.reason
    assert loop.paused
    promote(version=sft, reason="It is mended.")
    take_up_again(turn=turn)
    policy = policy_trained(turn, checkpoint)
    turn = beat(loop)
    people_judge(turn, judge(), like_the_new=True)
    retire(version=policy, reason="It insults people.")
    turn = beat(loop)
    assert "was retired meanwhile: It insults people." in turn.reason
    assert current_sft_model() == sft


def test_a_policy_is_tried_by_a_worker_before_people_are_asked(loop: Loop, checkpoint: Path) -> None:
    turn = at_the_policy(loop)
    version = policy_trained(turn, checkpoint, tries=False)
    turn = beat(loop)
    assert (turn.state, turn.note) == (TurnState.POLICY, f"A sampling worker tries “{version}” first.")

    def broken(_: ModelVersion) -> str:
        raise ModelRefused("Its weights are NaN.")

    assert version.last_check is not None
    answer_check(check_id=version.last_check.pk, use=broken)
    assert "Its weights are NaN." in beat(loop).reason


def test_it_waits_for_runs_that_others_began(loop: Loop) -> None:
    ranked(loop, make_labeler())
    other = request_retraining(trigger="manual", reward_model=loop.reward_model)
    turn = beat(loop)
    assert (turn.state, turn.training_run) == (TurnState.REWARD_MODEL, None)
    assert f"Training run {other.pk} is under way" in turn.note
    failed(other)
    assert beat(loop).training_run is not None


def test_a_watched_reward_model_is_trained_with_its_watcher_and_the_policy_gets_both(loop: Loop) -> None:
    asked = have_watched(reward_model=loop.reward_model, trigger="manual")
    for run in (asked.watching, asked):
        failed(run)
    ranked(loop, make_labeler())
    turn = beat(loop)
    assert turn.training_run is not None
    watching = turn.training_run.watching
    assert (watching.trigger, watching.recipe.half, turn.training_run.recipe.half) == ("loop", "second", "first")
    optimised = reward_model_trained(turn)
    turn = beat(loop)
    assert (turn.state, PolicyRun.objects.count()) == (TurnState.REWARD_MODEL, 0)  # the other half is under way
    failed(watching)
    turn = beat(loop)
    assert (turn.state, turn.reason) == (TurnState.ENDED, f"{watching} failed: The disk is full.")
    assert loop.paused
    again = take_up_again(turn=turn)  # the step is begun anew: both halves of the same rankings
    assert again is not None
    assert again.training_run not in (None, turn.training_run)
    assert again.training_run is not None
    optimised = reward_model_trained(again)
    watcher = reward_model_trained(again, run=again.training_run.watching)
    turn = beat(loop)
    policy = PolicyRun.objects.get()
    assert (turn.state, policy.rewarded_by, policy.watched_by) == (TurnState.POLICY, optimised, watcher)
    assert same_labels(policy) == []


def test_a_watcher_that_is_not_current_is_asked_for_in_words(loop: Loop) -> None:
    asked = have_watched(reward_model=loop.reward_model, trigger="manual")
    for run in (asked.watching, asked):
        failed(run)
    ranked(loop, make_labeler())
    turn = beat(loop)
    assert turn.training_run is not None
    reward_model_trained(turn)
    kept = reward_model_trained(turn, run=turn.training_run.watching, promoted=False)
    turn = beat(loop)
    assert turn.state == TurnState.ENDED
    assert "No version of “Reward model, watching” is current" in turn.reason
    ModelVersion.objects.filter(pk=kept.pk).update(state="current")
    take_up_again(turn=turn)
    assert PolicyRun.objects.get().watched_by == kept


def test_a_policy_that_somebody_promoted_by_hand_is_the_turns_end(loop: Loop, checkpoint: Path) -> None:
    turn = at_the_evaluation(loop, checkpoint)
    people_judge(turn, judge(), like_the_new=True)
    assert turn.evaluation is not None
    promote_candidate(evaluation=turn.evaluation)
    assert beat(loop).state == TurnState.PROMOTED


def test_the_new_policy_enters_mixtures_that_name_versions(loop: Loop, sft: ModelVersion, checkpoint: Path) -> None:
    part = {"share": 3, "model": sft.pk, "temperature": None, "top_p": None}
    change_campaign(campaign=loop.source, mixture=[part])
    turn = at_the_evaluation(loop, checkpoint)
    people_judge(turn, judge(), like_the_new=True)
    turn = beat(loop)
    loop.source.refresh_from_db()
    assert turn.policy_after is not None
    assert [(each["share"], each["model"]) for each in loop.source.mixture] == [(3, sft.pk), (1, turn.policy_after.pk)]
    assert turn.note == f"“{turn.policy_after}” entered the mixture of “{loop.source}”."


def test_mixtures_that_sample_it_anyway_stay_and_full_ones_are_told() -> None:
    current = {"share": 1, "model": None, "temperature": None, "top_p": None}
    named = [{"share": 1, "model": number, "temperature": None, "top_p": None} for number in range(1, 9)]
    assert with_policy([], model=9, share=1) == []
    assert with_policy([current], model=9, share=1) == [current]  # type: ignore[list-item]
    assert with_policy(named, model=3, share=1) == named  # type: ignore[arg-type]
    assert with_policy(named, model=9, share=1) is None  # type: ignore[arg-type]


def test_moves_that_are_not_declared_are_refused(loop: Loop) -> None:
    turn = beat(loop)
    with pytest.raises(IllegalMove):
        turn.move(to=TurnState.PROMOTED)


def test_gates_that_make_no_sense_are_refused(loop: Loop) -> None:
    with pytest.raises(LoopRefused, match="has to be better"):
        change_loop(loop=loop, margin=0.0, gain=0.0)
    with pytest.raises(LoopRefused, match="greater than or equal to 1"):
        change_loop(loop=loop, min_new_rankings=0)
    with pytest.raises(LoopRefused, match="already exists"):
        create_loop(reward_model=loop.reward_model, source=loop.source)


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_begin_nothing_twice(loop: Loop) -> None:
    ranked(loop, make_labeler())
    start = Barrier(4)

    def beats() -> None:
        start.wait(timeout=20)
        try:
            advance(loop=loop)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(beats) for _ in range(4)]:
            each.result()
    assert (Turn.objects.count(), TrainingRun.objects.count()) == (1, 1)
    turn = Turn.objects.get()
    assert (turn.state, turn.training_run) == (TurnState.REWARD_MODEL, TrainingRun.objects.get())
