"""An evaluation from its plan to the promotion, by the pages that people take; and all that can go wrong with it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.base.refusals import CampaignRefused, EvaluationRefused
from labeling.base.states import EvaluationState, IllegalMove, ModelState, TaskState, Verdict
from labeling.campaigns.services.campaigns import change_campaign
from labeling.desk.queries.available import available_by_campaign, open_campaigns
from labeling.desk.queries.idle import Cause, stuck_in, waiting_queues, with_work
from labeling.desk.services.assignments import claim_ranking
from labeling.evaluations.queries.figures import figures_of
from labeling.evaluations.queries.judged import DEMONSTRATIONS, judged_prompts
from labeling.evaluations.services.planning import plan_evaluation
from labeling.evaluations.services.promoting import promote_candidate
from labeling.evaluations.services.running import (
    AHEAD,
    decide,
    go_on_with_evaluations,
    start_evaluation,
    stop_evaluation,
)
from labeling.exports.services.exclusions import leave_out
from labeling.model_versions.services.promotion import promote, retire
from labeling.models import (
    Campaign,
    Change,
    Evaluation,
    Labeler,
    ModelVersion,
    PayPeriod,
    PayTerms,
    Promotion,
    Prompt,
    RankingTask,
    Snapshot,
)
from labeling.pay.services import open_period, set_pay_terms
from labeling.ranking_tasks.models.tasks import ALL_THE_SAME
from labeling.ranking_tasks.services.setting_aside import set_prompt_aside
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import browser_of, have_read, make_campaign, make_labeler, make_prompt, ranking_form_data
from tests.labeling.evaluations.people_judge import Speaker, asked_of, begins_with, judge, ranked_by, sampled
from tests.labeling.handed_in import in_split, write
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db

PLAN = reverse("admin:labeling_evaluation_plan")


def button(name: str, evaluation: Evaluation) -> str:
    return reverse(f"admin:labeling_evaluation_{name}", args=[evaluation.pk])


def page(client: Client, evaluation: Evaluation, **query: str) -> str:
    return client.get(reverse("admin:labeling_evaluation_change", args=[evaluation.pk]), query).text


def planned(source: Campaign, new: ModelVersion, old: ModelVersion | None, **fields: Any) -> Evaluation:
    return plan_evaluation(name="New against old", source=source, candidate=new, baseline=old, **{"gain": 0.4} | fields)


def started(source: Campaign, new: ModelVersion, old: ModelVersion | None, **fields: Any) -> Evaluation:
    return start_evaluation(evaluation=planned(source, new, old, **fields))


def test_people_prefer_the_new_model_and_it_is_promoted_with_the_evaluation_as_its_reason(
    new: ModelVersion, old: ModelVersion
) -> None:
    hanna, admin, source = judge(), admin_browser(), asked_of(24)
    form = admin.get(PLAN).text
    assert "Human demonstrations" in form
    sent = {
        "name": "Second turn", "source": source.pk, "candidate": new.pk, "baseline": old.pk, "split": "test",
        "margin": "0", "gain": "30", "confidence": "95", "power": "80", "rankings_per_prompt": "1",
        "promote_automatically": "on",
    }  # fmt: skip
    assert "planned with 24 prompts" in texts_of(admin.post(PLAN, sent, follow=True))[0]
    evaluation = Evaluation.objects.get()
    assert "prompts are needed, and the split Test has 24" in page(admin, evaluation)
    assert admin.post(button("start", evaluation), follow=True).status_code == 200
    evaluation.refresh_from_db()

    tasks = sampled(evaluation, new=Speaker("New"), old=Speaker("Old"))
    assert {(task.state, task.k) for task in tasks} == {(TaskState.READY, 2)}
    assert "not enough data" in page(admin, evaluation)
    made = ranked_by(hanna, evaluation, begins_with("New", "Old"), at_most=5)
    so_far = figures_of(evaluation)  # too few for a mean, and counted all the same
    assert [(each.rated, each.quality) for each in so_far.answers] == [(so_far.prompts, None)] * 2
    assert so_far.prompts
    go_on_with_evaluations()
    evaluation.refresh_from_db()
    assert (evaluation.state, len(made)) == (EvaluationState.RUNNING, 5)
    ranked_by(hanna, evaluation, begins_with("New", "Old"), at_most=15)
    go_on_with_evaluations()

    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.verdict) == (EvaluationState.DONE, Verdict.PASSED)
    assert claim_ranking(labeler=hanna) is None  # four prompts that nobody need judge
    assert ModelVersion.objects.current().get() == new
    reason = Promotion.objects.latest("pk").reason
    assert f"Evaluation {evaluation.pk} “Second turn”: preferred to old in 100.0% of 20 prompts" in reason
    assert Change.objects.filter(
        table_name="labeling_modelversion", row_id=new.pk, changes__state__1="current"
    ).exists()
    shown = page(admin, evaluation)
    for words in ("Passed: “new” is preferred to “old”.", "By use case", "Chinese", "Promoted.", "100.0%"):
        assert words in shown, words
    csv = page(admin, evaluation, csv="pairs").splitlines()
    assert csv[1].startswith("new,old,20,0,0,1.0,")
    assert (
        admin.get(reverse("admin:labeling_evaluation_change", args=[evaluation.pk]), {"csv": "no"}).status_code == 404
    )


def test_no_page_of_a_labeler_tells_that_models_are_compared_or_which() -> None:
    candidate, baseline = (
        ModelVersion.objects.create(kind="sft", name=name, path=f"/{name}") for name in ("policy-seven", "policy-six")
    )
    hanna, evaluation = judge(), started(asked_of(3), candidate, baseline, gain=0.3)
    sampled(evaluation, **{"policy-seven": Speaker("Yes"), "policy-six": Speaker("No")})
    assert evaluation.campaign is not None
    have_read(hanna, evaluation.campaign)
    browser = browser_of(hanna)
    seen = [browser.get("/").text]
    for _ in range(3):
        seen.append(browser.post("/next/ranking/", follow=True).text)
        assignment = hanna.assignments.latest("pk")
        assert "Yes" in seen[-1]
        browser.post(f"/work/{assignment.token}/submit/", ranking_form_data([1, 2]))
    assert hanna.rankings.count() == 3
    for text in [*seen, browser.get("/history/").text, browser.get(f"/work/{assignment.token}/").text]:
        for name in ("policy-s", "New against old", "evaluation"):
            assert name not in text.replace("Evaluation", "evaluation"), name


def test_only_held_out_labelers_are_given_its_work_and_the_admin_is_told_where_there_are_none(
    new: ModelVersion, old: ModelVersion, alice: Labeler
) -> None:
    admin, evaluation = admin_browser(), started(asked_of(2, demonstrations_per_prompt=0), new, old)
    assert evaluation.campaign is not None
    sampled(evaluation, new=Speaker("New"), old=Speaker("Old"))
    assert "No active labeler may judge it" in page(admin, evaluation)
    assert claim_ranking(labeler=alice) is None
    assert evaluation.campaign not in open_campaigns(alice)
    assert evaluation.campaign.pk not in available_by_campaign(alice, "ranking")  # type: ignore[arg-type]
    assert not with_work(Labeler.objects.all()).get().gets_work
    (stuck,) = [each for each in stuck_in(waiting_queues()) if each.campaign == evaluation.campaign]
    assert [each.cause for each in stuck.hindrances] == [Cause.GROUP]
    hanna = judge()
    assert with_work(Labeler.objects.filter(pk=hanna.pk)).get().gets_work
    assert not [each for each in stuck_in(waiting_queues()) if each.campaign == evaluation.campaign]
    assert "No active labeler may judge it" not in page(admin, evaluation)
    assert len(ranked_by(hanna, evaluation, begins_with("Old"))) == 2


def test_everybody_judges_where_that_was_planned_and_the_page_says_what_that_means(
    new: ModelVersion, old: ModelVersion, alice: Labeler
) -> None:
    evaluation = started(asked_of(2), new, old, held_out_only=False)
    sampled(evaluation, new=Speaker("New"), old=Speaker("Old"))
    assert "from whose rankings reward models learned" in page(admin_browser(), evaluation)
    assert len(ranked_by(alice, evaluation, begins_with("Old"))) == 2


def test_three_models_and_demonstrations_are_ranked_together_and_stand_on_one_scale(
    new: ModelVersion, old: ModelVersion, third: ModelVersion
) -> None:
    source = asked_of(12, demonstrations_per_prompt=1)
    wendy, hanna = make_labeler("wendy"), judge()
    for number in range(11):
        write(wendy, f"Human {number}.")
    evaluation = started(source, new, None, others=[old, third])
    assert evaluation.size == 11  # one has no demonstration
    tasks = sampled(evaluation, new=Speaker("New"), old=Speaker("Old"), third=Speaker("Third"))
    assert {(task.k, task.written_by) for task in tasks} == {(4, wendy)}
    ranked_by(hanna, evaluation, begins_with("Human", "New", "Third", "Old"))
    figures = figures_of(evaluation)
    assert [each.who for each in figures.answers] == [new.pk, DEMONSTRATIONS, old.pk, third.pk]
    points = {each.who: each.strength.points for each in figures.answers if each.strength}
    assert points[DEMONSTRATIONS] == 0 > points[new.pk] > points[third.pk] > points[old.pk]
    pair = figures.pairs[0]
    assert (pair.one, pair.other, pair.wins, pair.ties, pair.losses) == (new.pk, DEMONSTRATIONS, 0, 0, 11)
    decide(evaluation)
    shown = page(admin_browser(), evaluation)
    assert "All models on one scale" in shown
    assert "human demonstrations" in shown


def test_the_same_answer_of_two_models_is_a_tie_whether_or_not_somebody_ranks_it(
    new: ModelVersion, old: ModelVersion, third: ModelVersion
) -> None:
    hanna = judge()
    two, three = started(asked_of(1), new, old), started(asked_of(1), new, old, others=[third])
    (task,) = sampled(two, new=ScriptedSampler("**Yes!**"), old=ScriptedSampler("yes"))
    assert (task.state, task.set_aside_reason) == (TaskState.SET_ASIDE, ALL_THE_SAME)
    (task,) = sampled(three, new=ScriptedSampler("Yes."), old=ScriptedSampler("No."), third=ScriptedSampler("no"))
    assert (task.state, task.k, task.k_requested) == (TaskState.READY, 2, 3)
    ranked_by(hanna, three, begins_with("Yes.", "No."))
    assert [prompt.score(new.pk, old.pk) for prompt in judged_prompts(two)] == [0.5]
    (prompt,) = judged_prompts(three)
    assert prompt.score(new.pk, old.pk) == prompt.score(new.pk, third.pk) == 1
    assert prompt.score(old.pk, third.pk) == 0.5
    for evaluation in (two, three):  # one prompt each, and no more to come
        decision = decide(evaluation)
        assert decision is not None
        assert decision["verdict"] == Verdict.UNDECIDED
    assert "not enough data" in page(admin_browser(), two)


def test_nothing_stands_in_for_a_model_that_can_not_be_sampled_from(new: ModelVersion, old: ModelVersion) -> None:
    evaluation = started(asked_of(1), new, old)
    (task,) = sampled(evaluation, new=Speaker("New"))
    assert (task.state, task.completions.count()) == (TaskState.SAMPLING, 1)
    (task,) = sampled(evaluation, new=Speaker("New"), old=Speaker("Old"))
    assert (task.state, task.completions.count()) == (TaskState.READY, 2)


def test_a_prompt_to_which_a_model_says_nothing_is_replaced_by_another(new: ModelVersion, old: ModelVersion) -> None:
    evaluation = started(asked_of(40), new, old)
    assert evaluation.size < 40
    says = ["", *(f"Old {number}." for number in range(evaluation.size - 1)), ""]  # nothing, and nothing once more
    before = sampled(evaluation, new=Speaker("New"), old=ScriptedSampler(*says))
    assert [task.state for task in before].count(TaskState.SET_ASIDE) == 1
    go_on_with_evaluations()
    after = RankingTask.objects.filter(campaign=evaluation.campaign)
    assert after.count() == len(before) + 1 == evaluation.size + 1
    assert len({task.prompt_id for task in after}) == after.count() < AHEAD


def test_all_ties_pass_what_only_has_to_be_no_worse(new: ModelVersion, old: ModelVersion) -> None:
    evaluation = started(asked_of(30), new, old, margin=0.3, gain=0.0, promote_automatically=True)
    sampled(evaluation, new=Speaker("New"), old=Speaker("Old"))
    ranked_by(judge(), evaluation, begins_with())
    go_on_with_evaluations()
    evaluation.refresh_from_db()
    assert evaluation.decision is not None
    assert (evaluation.verdict, evaluation.decision["ties"]) == (Verdict.PASSED, evaluation.decision["prompts"])
    assert "not worse than “old” by more than was allowed" in page(admin_browser(), evaluation)
    assert ModelVersion.objects.current().get() == new


def passed(source: Campaign, new: ModelVersion, old: ModelVersion, **fields: Any) -> Evaluation:
    """It is decided; nothing was promoted unless `fields` say so."""
    evaluation = started(source, new, old, **fields)
    sampled(evaluation, new=Speaker("New"), old=Speaker("Old"))
    ranked_by(judge(), evaluation, begins_with("New", "Old"))
    decide(evaluation)
    evaluation.refresh_from_db()
    assert evaluation.verdict == Verdict.PASSED
    return evaluation


def test_by_hand_it_is_promoted_by_a_button(new: ModelVersion, old: ModelVersion) -> None:
    evaluation, admin = passed(asked_of(20), new, old), admin_browser()
    assert ModelVersion.objects.current().get() == old
    assert "“new” is current." in texts_of(admin.post(button("promote", evaluation), follow=True))[0]
    assert ModelVersion.objects.current().get() == new
    assert admin.post(button("promote", evaluation)).status_code == 422  # it is current already


def test_what_was_promoted_by_hand_meanwhile_is_not_replaced_unasked(
    new: ModelVersion, old: ModelVersion, third: ModelVersion
) -> None:
    evaluation = started(asked_of(20), new, old, promote_automatically=True)
    sampled(evaluation, new=Speaker("New"), old=Speaker("Old"))
    promote(version=third, reason="by hand")
    ranked_by(judge(), evaluation, begins_with("New", "Old"))
    go_on_with_evaluations()
    evaluation.refresh_from_db()
    assert (evaluation.verdict, ModelVersion.objects.current().get()) == (Verdict.PASSED, third)
    assert evaluation.note.startswith("Not promoted: Meanwhile “third” is current")


def test_a_candidate_that_was_retired_in_the_middle_is_judged_to_the_end_and_not_promoted(
    new: ModelVersion, old: ModelVersion
) -> None:
    evaluation = started(asked_of(20), new, old, promote_automatically=True)
    retire(version=new, reason="It leaks.")
    sampled(evaluation, new=Speaker("New"), old=Speaker("Old"))
    ranked_by(judge(), evaluation, begins_with("New", "Old"))
    go_on_with_evaluations()
    evaluation.refresh_from_db()
    assert evaluation.verdict == Verdict.PASSED
    assert evaluation.note == "Not promoted: “new” was retired meanwhile: It leaks."
    new.refresh_from_db()
    assert new.state == ModelState.RETIRED


def test_prompts_that_were_taken_back_and_rankings_that_were_left_out_count_no_more(
    new: ModelVersion, old: ModelVersion
) -> None:
    evaluation, hanna = started(asked_of(5), new, old), judge()
    sampled(evaluation, new=Speaker("New"), old=Speaker("Old"))
    made = ranked_by(hanna, evaluation, begins_with("New", "Old"))
    assert len(judged_prompts(evaluation)) == 5
    set_prompt_aside(prompt=Prompt.objects.get(ranking_tasks=made[0].task_id), reason="Its submitter is erased.")
    leave_out(target=made[1], reason="made in a hurry")
    assert len(judged_prompts(evaluation)) == 3
    leave_out(target=hanna, reason="a robot")
    assert judged_prompts(evaluation) == []
    assert "not enough data" in page(admin_browser(), evaluation)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"baseline": "new"}, "“new” is named twice"),
        ({"others": ["old"]}, "“old” is named twice"),
        ({"split": "train"}, "Models learn from the prompts of the split train"),
        ({"split": "best"}, "There is no split “best”"),
        ({"split": "valid"}, "has no prompt of the split valid."),
        ({"baseline": None}, "has no prompt of the split test that has a demonstration"),
        ({"gain": 0.0}, "With a margin of 0 the candidate has to be better"),
        ({"confidence": 1.0}, "less than or equal to 0.999"),
        ({"name": " "}, "This field cannot be blank"),
        ({"candidate": "rewards"}, "is a reward model, which answers nobody"),
    ],
)
def test_what_can_not_be_evaluated_is_refused_in_words(
    new: ModelVersion, old: ModelVersion, changes: dict[str, Any], words: str
) -> None:
    ModelVersion.objects.create(
        kind="reward", name="rewards", path="/rewards", reward_model=make_campaign().reward_models.get()
    )
    source = asked_of(2)

    def version(name: Any) -> Any:
        return (
            ModelVersion.objects.get(name=name) if isinstance(name, str) and name in ("new", "old", "rewards") else name
        )

    asked: dict[str, Any] = {"name": "x", "candidate": "new", "baseline": "old", "gain": 0.1} | changes
    others = [version(name) for name in asked.pop("others", [])]
    with pytest.raises(EvaluationRefused, match=words):
        plan_evaluation(source=source, others=others, **{key: version(value) for key, value in asked.items()})
    assert not Evaluation.objects.exists()


def test_a_model_that_learned_from_the_split_is_refused_and_so_is_what_was_made_of_it(
    new: ModelVersion, old: ModelVersion
) -> None:
    snapshot = Snapshot.objects.create(
        path="/s", as_of="2026-01-01T00:00Z", filters={"split": "test"}, counts={}, sha256="0" * 64, bytes=1
    )
    taught = ModelVersion.objects.create(kind="sft", name="taught", path="/taught", snapshot=snapshot)
    child = ModelVersion.objects.create(kind="sft", name="child", path="/child", parent=taught)
    source = asked_of(2)
    with pytest.raises(EvaluationRefused, match=f"by way of “taught” .snapshot {snapshot.pk}."):
        planned(source, child, old)
    make_prompt(source, submitter=in_split("valid")[0])
    assert planned(source, child, old, split="valid").size == 1


def test_the_form_says_what_is_wrong_and_keeps_what_was_typed(new: ModelVersion, old: ModelVersion) -> None:
    sent = {
        "name": "Mine", "source": asked_of(2).pk, "candidate": new.pk, "baseline": new.pk, "split": "test",
        "margin": "0", "gain": "10", "confidence": "95", "power": "80", "rankings_per_prompt": "1",
    }  # fmt: skip
    answer = admin_browser().post(PLAN, sent)
    assert answer.status_code == 422
    assert "“new” is named twice" in answer.text
    assert 'value="Mine"' in answer.text


def test_it_pays_as_the_campaign_whose_prompts_are_asked(new: ModelVersion, old: ModelVersion) -> None:
    source, today = asked_of(3), timezone.now().date()
    set_pay_terms(campaign=source, by=None, begins_on=today, currency="USD", per_ranking=Decimal("0.25"))
    period = open_period(first_day=today - timedelta(days=2), last_day=today)
    PayPeriod.objects.filter(pk=period.pk).update(state="frozen", frozen_at=timezone.now())
    terms = PayTerms.objects.get(campaign=started(source, new, old).campaign)
    assert (terms.per_ranking, terms.currency, terms.begins_on) == (Decimal("0.25"), "USD", today + timedelta(days=1))


def test_a_retired_candidate_is_not_started(new: ModelVersion, old: ModelVersion) -> None:
    evaluation = planned(asked_of(3), new, old)
    retire(version=new, reason="It leaks.")
    with pytest.raises(EvaluationRefused, match="“new” was retired"):
        start_evaluation(evaluation=evaluation)


def test_it_is_started_once_and_stopped_with_a_reason(new: ModelVersion, old: ModelVersion) -> None:
    evaluation, admin = started(asked_of(3), new, old), admin_browser()
    with pytest.raises(EvaluationRefused, match="only a planned one can be started"):
        start_evaluation(evaluation=evaluation)
    with pytest.raises(EvaluationRefused, match="has not passed"):
        promote_candidate(evaluation=evaluation)
    assert admin.post(button("stop", evaluation), {"reason": ""}).status_code == 422
    assert "is stopped" in texts_of(admin.post(button("stop", evaluation), {"reason": "Wrong rubric."}, follow=True))[0]
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.note) == (EvaluationState.STOPPED, "Wrong rubric.")
    assert set(RankingTask.objects.values_list("state", flat=True)) == {TaskState.SET_ASIDE}
    assert decide(evaluation) is None
    go_on_with_evaluations()
    with pytest.raises(IllegalMove):
        stop_evaluation(evaluation=evaluation, reason="again")


def test_what_was_planned_stays(new: ModelVersion, old: ModelVersion) -> None:
    evaluation = started(asked_of(3), new, old)
    assert evaluation.campaign is not None
    with pytest.raises(CampaignRefused, match="mixture stay as its evaluation was planned"):
        change_campaign(campaign=evaluation.campaign, mixture=[])
    assert change_campaign(campaign=evaluation.campaign, priority=3).priority == 3
    with pytest.raises(DatabaseError), transaction.atomic():
        Evaluation.objects.filter(pk=evaluation.pk).update(margin=0.2)


def test_its_rankings_are_never_trained_on(new: ModelVersion, old: ModelVersion) -> None:
    evaluation = started(asked_of(3), new, old)
    assert evaluation.campaign is not None
    assert (evaluation.campaign.use, evaluation.campaign.reward_models.count()) == ("evaluate_only", 0)
    splits = RankingTask.objects.filter(campaign=evaluation.campaign).values_list("prompt__opening__split", flat=True)
    assert set(splits) == {"test"}
