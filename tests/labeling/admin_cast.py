"""One of everything, and the people who may look at it: for the tests of the admin."""

import io
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from labeling.base.states import CheckKind, ModelKind, PayEntryKind, PolicyStage, ReviewReason
from labeling.conversations.services.withdrawing import withdraw
from labeling.desk.ranking.services import fields_of_ranking
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.desk.services.revisions import start_revision
from labeling.evaluations.services.planning import plan_evaluation
from labeling.evaluations.services.running import start_evaluation
from labeling.exports.services.snapshots import register_snapshot, write_snapshot
from labeling.imports.rules.reading import read_prompts
from labeling.imports.services.taking_in import import_rows
from labeling.loop.services.steering import create_loop, let_go_on
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import (
    Campaign,
    Check,
    Demonstration,
    Evaluation,
    Labeler,
    Loop,
    ModelVersion,
    NearCopyFound,
    PayPeriod,
    PolicyRun,
    PreferenceMargin,
    RankingTask,
    ScoringRequest,
    Sentinel,
    Snapshot,
    Survey,
    TrainingRun,
)
from labeling.pay.services import enter, open_period, set_pay_terms
from labeling.pay.surveys.rules import STATEMENTS
from labeling.pay.surveys.services import answer_survey, open_survey_round
from labeling.policies.services.requesting import request_policy_run
from labeling.policies.services.training import note
from labeling.quality.bias.services.looking import look_at_habits
from labeling.quality.gold.services.items import RightAnswer, make_gold
from labeling.ranking_tasks.services.tasks import copy_task
from labeling.review.services.adjudications import adjudicate
from labeling.review.services.reports import report_broken
from labeling.review.services.reviews import request_adjudication, request_review, return_to_labeler
from labeling.rewards.services.rewards import score_ahead
from labeling.rewards.services.scoring_requests import ScoringItem, answer_scoring_request, request_scores
from labeling.training.services.requesting import request_retraining
from labeling.training.services.runs import begin_training, claim_run, note_progress
from lm.progress import Sample, StepEvent
from lm.prompt_format import Message
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.conversations.talks import harvest, kept, program, takes
from tests.labeling.handed_in import ask, in_split, rank, talk, write
from tests.labeling.models_in_use import registered
from tests.labeling.scripted_rewarder import ScriptedRewarder, current_reward_model
from tests.tiny_models import make_tiny_model, make_tiny_reward_model


def admin_browser(*permissions: str, name: str = "olga") -> Client:
    """Olga's browser: she may do everything, or, as staff, only what the permissions name."""
    olga = User.objects.create_user(name, password="x", is_staff=True, is_superuser=not permissions)
    for permission in permissions:
        app, codename = permission.split(".")
        olga.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(olga)
    return client


def furnish(campaign: Campaign, *, labelers: Sequence[str]) -> None:
    """For each labeler a ranking that they are revising, a demonstration, a held task and a held prompt."""
    for name in labelers:
        labeler = make_labeler(name)
        for _ in range(2):
            make_ready_task(make_prompt(campaign))
        start_revision(
            labeler=labeler, token=str(rank(labeler, [1, 2, 2, 3]).assignment.token), fields_of=fields_of_ranking
        )
        write(labeler, f"What {name} would answer.")
        talk(labeler, campaign)
        ask(labeler, campaign)
        assert claim_ranking(labeler=labeler)
        assert claim_demonstration(labeler=labeler)


def shared_by(*labelers: Labeler) -> None:
    """All of them rank the same task, in a campaign of its own."""
    campaign = make_campaign(rankings_per_task=len(labelers))
    make_ready_task(make_prompt(campaign))
    for labeler in labelers:
        labeler.first_campaign = campaign
        labeler.save()
        rank(labeler, [1, 2, 3, 4])


def checked_by(*labelers: Labeler) -> None:
    """Each of them waits for a check: of a gold item that was made of a task of theirs."""
    campaign = make_campaign()
    task = make_ready_task(make_prompt(campaign))
    ids = task.completions.order_by("pk").values_list("pk", flat=True)
    item = make_gold(task=task, answer=RightAnswer(ranks={pk: rank for rank, pk in enumerate(ids, 1)}), by=None)
    for labeler in labelers:
        copy = copy_task(task=task, labeler=labeler)
        Check.objects.create(labeler=labeler, task=copy, kind=CheckKind.GOLD, item=item)


def looked_at() -> None:
    """A look at everybody's habits, a sentinel and a demonstration near to a model's text."""
    look_at_habits()
    Sentinel.objects.create(name="Old against new", first_source="old", second_source="new")
    NearCopyFound.objects.create(
        demonstration=Demonstration.objects.latest("pk"), likeness=97, known_text="Nearly.", source="completion 1"
    )


def open_campaign(**fields: Any) -> Campaign:
    return make_campaign(**{"demonstrations_per_prompt": 1, "ask_dialogues": True, "ask_own_prompts": True} | fields)


def snapshot_in(directory: Path) -> Snapshot:
    """Everything handed in so far."""
    manifest = write_snapshot(directory, kinds=("rankings", "demonstrations"))
    return register_snapshot(manifest=manifest, path=directory, made_by="a test")


def model_in(directory: Path, *, kind: ModelKind = ModelKind.REWARD) -> ModelVersion:
    """A registered candidate named after its directory, which a worker has tried."""
    make = make_tiny_model if kind == ModelKind.SFT else make_tiny_reward_model
    return registered(make(directory), kind=kind)


def run_in_training(snapshot: Snapshot, *, log: str = "/nowhere.log", steps: int = 3) -> TrainingRun:
    run = claim_run(run=request_retraining(trigger="manual", note="because"), worker="here")
    assert run is not None
    begin_training(run=run, snapshot=snapshot, base="/base", output_path="/o", log_path=log, config={"epochs": 1})
    note_progress(run=run, event={"event": "start", "steps": 10})
    for step in range(1, steps + 1):
        note_progress(run=run, event=stepped(step, loss=0.7 - step / 100))
    note_progress(run=run, event={"event": "valid", "step": steps, "loss": 0.66, "accuracy": 0.6})
    run.refresh_from_db()
    return run


def policy_in_training(snapshot: Snapshot) -> PolicyRun:
    """A PPO run under way, with an iteration and the answers before and after it."""
    start, _ = ModelVersion.objects.get_or_create(name="start", defaults={"kind": "sft", "path": "/start"})
    rewarded_by = ModelVersion.objects.filter(kind="reward").exclude(state="retired").latest("pk")
    asked = request_policy_run(stage=PolicyStage.PPO, start=start, rewarded_by=rewarded_by, snapshot=snapshot)
    run = claim_run(run=asked, worker="here")
    assert run is not None
    begin_training(run=run, snapshot=snapshot, base="/start", output_path="/p", log_path="/nowhere.log", config={})
    note(run=run, event={"event": "start", "steps": 10})
    figures = {"reward": 0.25, "kl": 1.5, "entropy": 2.0, "length": 12.0, "ended": 0.5}
    prompt: list[Message] = [{"role": "user", "content": "Why is the sky blue?"}]
    for step, text in enumerate(("It is the sky.", "Because of the air.")):
        said: Sample = {"prompt": prompt, "text": text, "finish_reason": "stop", "reward": 0.5 + step}
        note(run=run, event={"event": "samples", "step": step, "samples": [said], "figures": {"watched": 0.5 + step}})
        note(
            run=run,
            event={
                "event": "step", "step": step + 1, "steps": 10, "loss": 0.1, "figures": figures, "learning_rate": 1e-5,
                "seconds": 1.0, "tokens": 10,
            },
        )  # fmt: skip
    run.refresh_from_db()
    return run


def stepped(step: int, *, loss: float) -> StepEvent:
    """What the trainer says after a step."""
    return {
        "event": "step", "step": step, "steps": 10, "loss": loss, "accuracy": 0.5, "learning_rate": 1e-5,
        "seconds": 1.0, "tokens": 100,
    }  # fmt: skip


def doubted(labeler: Labeler) -> PreferenceMargin:
    """A label of theirs that the current reward model contradicts: they like what is short, it likes what is long."""
    task = make_ready_task(make_prompt(make_campaign()), texts=["a", "bb", "ccc", "dddd"])
    rank(labeler, [1, 2, 3, 4])
    model = current_reward_model()
    score_ahead(model=model, load=ScriptedRewarder, limit=100, somebody_waits=lambda: False)
    return PreferenceMargin.objects.get(model_version=model, ranking__task=task)


def reviewed(campaign: Campaign, *, by: str = "rita") -> None:
    """A ranking that was returned, a task that was adjudicated, and one that was reported as broken."""
    rita, _ = User.objects.get_or_create(username=by)
    task = make_ready_task(make_prompt(campaign))
    RankingTask.objects.filter(pk=task.pk).update(rankings_needed=2)
    first, _second = (rank(make_labeler(f"{name}-{task.pk}"), [1, 2, 3, 4]) for name in ("vera", "walt"))
    returned = request_review(label=first, reason=ReviewReason.RANDOM)
    assert returned is not None
    return_to_labeler(token=str(returned.token), reviewer=rita, seen=1, text="Why is C third?")
    together = request_adjudication(task=task, reason=ReviewReason.ASKED_FOR)
    ranks = dict.fromkeys(task.completions.values_list("pk", flat=True), 1)
    seen = list(task.rankings.values_list("pk", flat=True))
    adjudicate(token=str(together.token), reviewer=rita, ranks=ranks, seen=seen)
    report_broken(assignment=first.assignment, text="B is cut off.")


def asked_for_rewards(name: str = "petra") -> ScoringRequest:
    """A program's request that was answered by the current reward model."""
    user, _ = User.objects.get_or_create(username=name)
    item = ScoringItem(prompt=[Message(role="user", content="Hi")], completions=["Hello!"])
    asked = request_scores(user=user, items=[item], per_minute=100)
    model = ModelVersion.objects.get(kind="reward", state="current")
    answer_scoring_request(request_id=asked.pk, model=model, rewarder=ScriptedRewarder())
    return asked


def compared_elsewhere(campaign: Campaign, *, prompts: int = 1) -> None:
    """So many prompts that came in a file, each with an existing comparison of two answers."""
    records = [{"prompt": f"Greet guest {n}.", "chosen": "Hello!", "rejected": "No."} for n in range(prompts)]
    file = io.BytesIO("\n".join(map(json.dumps, records)).encode())
    import_rows(campaign, read_prompts(file, filename="greetings.jsonl"), keep_good=False)


def paid_for(campaign: Campaign) -> PayPeriod:
    """A period of today in which everybody is paid by piece, and Alice was given a bonus."""
    today = timezone.now().date()
    set_pay_terms(campaign=campaign, by=None, begins_on=today, currency="USD", per_ranking=Decimal("0.25"))
    period = open_period(first_day=today, last_day=today)
    alice = Labeler.objects.get(user__username="alice")
    enter(
        period=period, labeler=alice, kind=PayEntryKind.GIVEN, amount=Decimal(5), currency="USD", reason="Well asked.",
        by=None,
    )  # fmt: skip
    return period


def asked_how_they_find_it() -> Survey:
    """A survey that Alice has answered."""
    survey = open_survey_round(name="Autumn", by=None)
    alice = Labeler.objects.get(user__username="alice")
    answer_survey(survey=survey, labeler=alice, says=dict.fromkeys(STATEMENTS, 4), comment="More breaks, please.")
    return survey


def kept_and_withdrawn(campaign: Campaign) -> None:
    """A rule that takes all conversations, one that is held, one of a program, and one that was withdrawn."""
    takes(campaign, personal_data="hold")
    mia, noa = make_labeler("mia"), make_labeler("noa")
    kept(mia.user, "Please write to my friend alice@example.org about the weather here.")
    kept(noa.user, "What is the weather like at the North Pole in summer?")
    harvest()
    withdraw(user=noa.user, by=noa.user)
    program("mia's program")


def evaluated(campaign: Campaign) -> Evaluation:
    """One that is running: two models, and a prompt of the split test, whose answers are to be sampled."""
    make_prompt(campaign, submitter=in_split("test")[0])
    candidate, baseline = (
        ModelVersion.objects.create(kind="sft", name=name, path=f"/{name}") for name in ("candidate", "baseline")
    )
    planned = plan_evaluation(
        name="Candidate against baseline", source=campaign, candidate=candidate, baseline=baseline
    )
    return start_evaluation(evaluation=planned)


def turning(campaign: Campaign) -> Loop:
    """A loop whose first turn waits for rankings."""
    loop = create_loop(reward_model=default_reward_model(), source=campaign)
    let_go_on(loop=loop)
    return loop


def texts_of(response: Any) -> list[str]:
    """What the page after a redirect says at its top."""
    return [str(message) for message in response.context["messages"]]
