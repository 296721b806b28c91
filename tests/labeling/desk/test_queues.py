"""Which work a labeler is given next: by priority, in turns, nothing twice, nothing left out, whatever lies in front.

What may be given is said here a second time, row by row in Python, and held against what PostgreSQL finds.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from html import unescape
from importlib import import_module
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.base.refusals import LabelerRefused, NotOffered, Refusal
from labeling.base.states import (
    AssignmentKind,
    AssignmentState,
    CampaignState,
    CompositionKind,
    ContentWarning,
    IllegalMove,
    LabelerGroup,
    SkipReason,
    TaskState,
)
from labeling.campaigns.services.campaigns import change_campaign, change_campaign_state
from labeling.campaigns.services.prompts import ask_for_skills, warn_of_content
from labeling.desk.demonstrating.services import submit_demonstration
from labeling.desk.queries import available
from labeling.desk.queries.available import available_by_campaign, waiting_for
from labeling.desk.queries.idle import Cause, stuck_in, waiting_queues, why_nothing, with_work
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import ASSIGNMENTS, claim_demonstration, claim_ranking, resume, skip
from labeling.desk.services.leases import give_back
from labeling.models import Assignment, Campaign, Labeler, Prompt, QueueProgress, RankingTask, Skill, WorkQueue
from labeling.people.queries import beginning_of_today
from labeling.people.services import change_labeler, change_preferences, set_quotas
from labeling.people.skills.services import add_skill
from labeling.ranking_tasks.services.setting_aside import (
    restore_prompt,
    restore_task,
    set_prompt_aside,
    set_task_aside,
)
from labeling.ranking_tasks.services.tasks import ask_for_another_ranking, release_reservations
from labeling.writing.services import start_composition
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.desk.test_claims_race import in_threads
from tests.labeling.markup import compact

migration = import_module("labeling.migrations.0003_next_task")

KINDS = list(AssignmentKind)
CLAIMS: dict[str, Callable[..., Assignment | None]] = {
    AssignmentKind.RANKING: claim_ranking,
    AssignmentKind.DEMONSTRATION: claim_demonstration,
}
VIOLENCE = ContentWarning.VIOLENCE


def record_progress_every(places: int) -> None:
    """So that small tables come to it as well."""
    for kind in (migration.RANKING, migration.DEMONSTRATION):
        written = migration.finds_next(kind).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
        assert f"+ {migration.RECORDED_EVERY}" in written
        with connection.cursor() as cursor:
            cursor.execute(written.replace(f"+ {migration.RECORDED_EVERY}", f"+ {places}"))


@contextmanager
def progress_recorded_at_once() -> Iterator[None]:
    record_progress_every(0)
    try:
        yield
    finally:
        record_progress_every(migration.RECORDED_EVERY)


def make_work(campaign: Campaign, *, rankings: int = 1, **prompt: Any) -> RankingTask:
    """A prompt that wants a demonstration, and its task."""
    task = make_ready_task(make_prompt(campaign, submitter=f"s{random.getrandbits(20)}", **prompt))
    RankingTask.objects.filter(pk=task.pk).update(rankings_needed=rankings)
    Prompt.objects.filter(pk=task.prompt_id).update(demonstrations_needed=rankings)
    return task


def work_of(assignment: Assignment | None) -> int:
    """The prompt, of which there is one to each task here."""
    assert assignment is not None
    return assignment.prompt_id


def hand_in(labeler: Labeler, assignment: Assignment) -> None:
    token = str(assignment.token)
    if assignment.kind == AssignmentKind.RANKING:
        judgements = [Judgement(shown_position=at, rank=at, quality=4) for at in range(1, 5)]
        submit_ranking(labeler=labeler, token=token, judgements=judgements, active_seconds=1)
    else:
        submit_demonstration(labeler=labeler, token=token, text="Because of the air.", active_seconds=1)


def claim_and_hand_in(labeler: Labeler, kind: str) -> Assignment:
    assignment = CLAIMS[kind](labeler=labeler)
    assert assignment is not None
    hand_in(labeler, assignment)
    return assignment


def may_be_given(labeler: Labeler, kind: str) -> set[int]:
    """The rule, row by row: prompts whose task may be ranked by the labeler, or which they may answer."""
    untouched = Q(state=AssignmentState.LAPSED, draft_version=0)
    met = set(Assignment.objects.filter(~untouched, labeler=labeler, kind=kind).values_list("prompt", flat=True))
    open_campaigns = set(Campaign.objects.filter(state=CampaignState.ACTIVE).values_list("pk", flat=True))
    used_up = {campaign.pk for campaign in Campaign.objects.all() if quota_used_up(labeler, campaign)}
    found = set()
    for task in RankingTask.objects.select_related("prompt__campaign"):
        prompt: Prompt = task.prompt
        if kind == AssignmentKind.RANKING:
            is_free = task.state == TaskState.READY and task.rankings_open + task.rankings_done < task.rankings_needed
            is_free = is_free and task.reserved_for_id in (None, labeler.pk) and task.written_by_id != labeler.pk
        else:
            taken = prompt.demonstrations_open + prompt.demonstrations_done
            is_free = not prompt.set_aside_reason and taken < prompt.demonstrations_needed
        is_minded = set(prompt.content_warnings) & set(labeler.opt_outs)
        is_able = {*prompt.required_skills, *prompt.campaign.required_skills} <= {*labeler.skills}
        is_theirs = prompt.language in labeler.languages and prompt.campaign_id in open_campaigns and not is_minded
        is_theirs = is_theirs and is_able and prompt.campaign_id not in used_up
        if is_free and is_theirs and prompt.pk not in met:
            found.add(prompt.pk)
    return found


def quota_used_up(labeler: Labeler, campaign: Campaign) -> bool:
    """By what was handed in or is held; all of it is of today here."""
    if campaign.daily_quota is None and campaign.weekly_quota is None:
        return False  # as of most here: nothing need be counted
    done = Assignment.objects.filter(labeler=labeler, campaign=campaign, state__in=["open", "submitted"]).count()
    return any(quota is not None and done >= quota for quota in (campaign.daily_quota, campaign.weekly_quota))


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
class TestWhichCampaign:
    def test_the_higher_priority_comes_first_however_old_the_other_is(self, kind: str, alice: Labeler) -> None:
        old, urgent = make_campaign(), make_campaign(priority=5)
        for _ in range(2):
            make_work(old)
            make_work(urgent)
        assert [claim_and_hand_in(alice, kind).campaign for _ in range(4)] == [urgent, urgent, old, old]

    def test_equal_ones_take_turns(self, kind: str, alice: Labeler) -> None:
        campaigns = [make_campaign() for _ in range(3)]
        for campaign in campaigns:
            for _ in range(4):
                make_work(campaign)
        given_out = [claim_and_hand_in(alice, kind).campaign_id for _ in range(12)]
        assert given_out[:3] * 4 == given_out
        assert set(given_out) == {campaign.pk for campaign in campaigns}

    def test_a_new_campaign_is_next(self, kind: str, alice: Labeler) -> None:
        old = make_campaign()
        for _ in range(5):
            make_work(old)
        for _ in range(2):
            claim_and_hand_in(alice, kind)
        new = make_campaign()
        make_work(new)
        assert claim_and_hand_in(alice, kind).campaign == new

    def test_newcomers_do_not_all_begin_with_the_oldest(self, kind: str) -> None:
        campaigns = [make_campaign() for _ in range(2)]
        for campaign in campaigns:
            for _ in range(16):
                make_work(campaign)
        begun = Counter(claim_and_hand_in(make_labeler(f"labeler-{n}"), kind).campaign_id for n in range(16))
        assert len(begun) == 2  # by chance of one in 32,768 all alike


@pytest.mark.django_db(transaction=True)
def test_campaigns_share_fairly_among_labelers_at_work_at_the_same_time() -> None:
    campaigns = [make_campaign() for _ in range(2)]
    for _ in range(30):
        for campaign in campaigns:
            make_ready_task(make_prompt(campaign, submitter=f"s{_}"))
    labelers = [make_labeler(f"labeler-{number}") for number in range(6)]

    def label(number: int) -> None:
        for _ in range(8):
            claim_and_hand_in(labelers[number], AssignmentKind.RANKING)

    assert in_threads(6, label) == []
    for labeler in labelers:
        assert set(Counter(labeler.rankings.values_list("task__campaign", flat=True)).values()) == {4}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
class TestWhatComesFirst:
    def test_the_oldest_in_whatever_language_or_with_whatever_warning(self, kind: str, alice: Labeler) -> None:
        campaign = make_campaign()
        mixed: list[dict[str, Any]] = [
            {"language": "zh"}, {}, {"content_warnings": [VIOLENCE]},
            {"language": "zh", "content_warnings": [VIOLENCE]}, {},
        ]  # fmt: skip
        made = [make_work(campaign, **each).prompt_id for each in mixed]
        assert [claim_and_hand_in(alice, kind).prompt_id for _ in made] == made

    def test_what_somebody_gave_back_comes_before_what_was_not_begun(
        self, kind: str, alice: Labeler, bob: Labeler
    ) -> None:
        campaign = make_campaign()
        first, second, third = (make_work(campaign).prompt_id for _ in range(3))
        skipped = CLAIMS[kind](labeler=alice)
        assert work_of(skipped) == first
        assert skipped
        claim_and_hand_in(bob, kind)
        skip(labeler=alice, token=str(skipped.token), reason=SkipReason.UNCLEAR)
        assert [claim_and_hand_in(bob, kind).prompt_id for _ in range(2)] == [first, third]
        assert CLAIMS[kind](labeler=alice) is None
        assert second

    def test_nobody_meets_work_again_that_they_skipped_or_left_begun(self, kind: str, alice: Labeler) -> None:
        campaign = make_campaign()
        made = [make_work(campaign, rankings=3).prompt_id for _ in range(3)]
        met = []
        for ending in ("skip", "lapse", "submit"):
            held = CLAIMS[kind](labeler=alice)
            met.append(work_of(held))
            assert held
            if ending == "lapse":
                ASSIGNMENTS.save_draft(labeler=alice, token=str(held.token), draft={"note": ["so"]}, base_version=0)
            end(alice, held, ending)
        assert met == made
        assert CLAIMS[kind](labeler=alice) is None

    def test_what_lapsed_untouched_is_offered_again_as_the_same_work(self, kind: str, alice: Labeler) -> None:
        campaign = make_campaign()
        for places in (1, 3):
            make_work(campaign, rankings=places)
        first = CLAIMS[kind](labeler=alice)
        assert first
        give_back(assignment_ids=[first.pk])
        assert CLAIMS[kind](labeler=alice) == first
        hand_in(alice, first)
        second = CLAIMS[kind](labeler=alice)  # of three places, so that it keeps waiting for others
        assert second
        give_back(assignment_ids=[second.pk])
        assert sum(available_by_campaign(alice, AssignmentKind(kind)).values()) == 1
        assert CLAIMS[kind](labeler=alice) == second
        hand_in(alice, second)
        assert CLAIMS[kind](labeler=alice) is None

    def test_work_that_asks_for_skills_waits_for_those_who_have_them(
        self, kind: str, alice: Labeler, bob: Labeler
    ) -> None:
        add_skill(slug="law", name={"en": "Law", "zh-hans": "法律"})
        work = make_work(make_campaign())
        ask_for_skills(prompt=work.prompt, skills=["law"])
        assert CLAIMS[kind](labeler=alice) is None
        [why] = [each for each in why_nothing(alice, AssignmentKind(kind)) if each.cause == Cause.SKILLS]
        assert (why.count, why.skills) == (1, ("law",))
        assert "asks for skills that your profile doesn't name: Law." in unescape(
            browser_of(alice).get(f"/next/{kind}/").content.decode()
        )
        [stuck] = [each for each in stuck_in(waiting_queues()) if each.kind == kind]
        assert [each.cause for each in stuck.hindrances] == [Cause.SKILLS]
        change_labeler(labeler=bob, group=LabelerGroup(bob.group), languages=bob.languages, skills=["law"])
        assert stuck_in(waiting_queues()) == []
        assert work_of(CLAIMS[kind](labeler=bob)) == work.prompt_id

    def test_a_quota_holds_for_each_labeler_and_begins_anew_where_they_live(
        self, kind: str, alice: Labeler, bob: Labeler
    ) -> None:
        campaign = make_campaign(daily_quota=1)
        for _ in range(2):
            make_work(campaign, rankings=2)
        claim_and_hand_in(alice, kind)
        assert CLAIMS[kind](labeler=alice) is None
        assert Cause.QUOTA in {each.cause for each in why_nothing(alice, AssignmentKind(kind))}
        assert "as much of it as one person may" in browser_of(alice).get("/").content.decode()
        claim_and_hand_in(bob, kind)
        # What was handed in before today began for her is another day's.
        Assignment.objects.filter(labeler=alice).update(closed_at=beginning_of_today(alice) - timedelta(seconds=1))
        assert CLAIMS[kind](labeler=alice) is not None

    def test_a_labeler_s_own_quota_holds_for_all_campaigns_together(
        self, kind: str, alice: Labeler, bob: Labeler
    ) -> None:
        for _ in range(2):
            make_work(make_campaign(ask_dialogues=True), rankings=2)
        set_quotas(labeler=alice, daily=None, weekly=1)
        alice.refresh_from_db()
        claim_and_hand_in(alice, kind)
        assert CLAIMS[kind](labeler=alice) is None
        assert Cause.QUOTA in {each.cause for each in why_nothing(alice, AssignmentKind(kind))}
        assert "as much of it as one person may" in browser_of(alice).get("/").content.decode()
        with pytest.raises(NotOffered, match="takes from one person"):
            start_composition(labeler=alice, campaign=Campaign.objects.latest("pk"), kind=CompositionKind.DIALOGUE)
        claim_and_hand_in(bob, kind)
        Assignment.objects.filter(labeler=alice).update(closed_at=timezone.now() - timedelta(days=8))
        assert CLAIMS[kind](labeler=alice) is not None
        with pytest.raises(LabelerRefused, match="1 or more"):
            set_quotas(labeler=alice, daily=0, weekly=None)

    def test_a_warning_that_is_added_keeps_the_work_from_those_who_mind_and_removed_brings_it_back(
        self, kind: str, alice: Labeler
    ) -> None:
        work = make_work(make_campaign())
        change_preferences(labeler=alice, time_zone="", break_minutes=0, opt_outs=[VIOLENCE])
        alice.refresh_from_db()
        warn_of_content(prompt=work.prompt, warnings=[VIOLENCE])
        assert CLAIMS[kind](labeler=alice) is None
        warn_of_content(prompt=work.prompt, warnings=[])
        assert work_of(CLAIMS[kind](labeler=alice)) == work.prompt_id


def end(labeler: Labeler, assignment: Assignment, how: str) -> None:
    if how == "submit":
        hand_in(labeler, assignment)
    elif how == "skip":
        skip(labeler=labeler, token=str(assignment.token), reason=SkipReason.UNCLEAR)
    elif how == "lapse":
        give_back(assignment_ids=[assignment.pk])


STEPS = (
    "claim", "claim", "claim", "claim", "submit", "skip", "lapse", "lapse", "draft", "resume", "change_campaign", "add",
    "set_task_aside", "set_prompt_aside", "restore_task", "restore_prompt", "warn", "rank_again", "opt_out", "learn",
    "reserve", "write", "release_reservations", "ask_for_skills", "change_skills", "train", "train", "change_quota",
)  # fmt: skip
# What is done, and numbers that choose whom or what it is done to.
STORIES = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 11), st.integers(0, 3)), max_size=25)


@pytest.mark.slow
@pytest.mark.django_db
class TestTheRule:
    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(kind=st.sampled_from(KINDS), steps=STORIES)
    def test_a_claim_finds_what_the_rule_allows_and_nothing_else(
        self, kind: AssignmentKind, steps: list[tuple[str, int, int]]
    ) -> None:
        with transaction.atomic():
            record_progress_every(0)
            _Story(kind).play(steps)
            transaction.set_rollback(True)


class _Story:
    """Two campaigns, three labelers and a few pieces of work, to which anything may happen."""

    def __init__(self, kind: AssignmentKind) -> None:
        self.kind = kind
        self.campaigns = [make_campaign(), make_campaign(priority=1)]
        Skill.objects.get_or_create(slug="law", defaults={"name": {"en": "Law"}})
        for number in range(6):
            self.add(number, number)
        self.labelers = [
            make_labeler(f"alice-{random.getrandbits(30)}"),
            make_labeler(f"bob-{random.getrandbits(30)}", languages=["zh"]),
            make_labeler(f"carol-{random.getrandbits(30)}", languages=["en"]),
        ]
        self.with_work = with_work(Labeler.objects.all())  # as long to put together as all else that is compared

    def play(self, steps: list[tuple[str, int, int]]) -> None:
        for what, which, how in steps:
            with suppress(Refusal, IllegalMove), transaction.atomic():
                self.step(what, which, how)
            self.compare(self.labelers[which % 3])
        for labeler in self.labelers * 3:
            self.labeler_claim(labeler)
            self.compare(labeler)
        for labeler in self.labelers:
            self.compare(labeler)

    def step(self, what: str, which: int, how: int) -> None:
        tasks = list(RankingTask.objects.select_related("prompt").order_by("pk"))
        task, labeler = tasks[which % len(tasks)], self.labelers[which % 3]
        if what == "add":
            self.add(which, how)
        elif what == "change_campaign":
            states = [CampaignState.PAUSED, CampaignState.ACTIVE, CampaignState.CLOSED, CampaignState.ACTIVE]
            change_campaign_state(campaign=self.campaigns[which % 2], state=states[how])
        elif what == "change_skills":
            change_campaign(campaign=self.campaigns[which % 2], required_skills=["law"] if how % 2 else [])
        elif what == "change_quota":
            quotas = [(None, None), (1, None), (2, 3), (None, 1)][how]
            change_campaign(campaign=self.campaigns[which % 2], daily_quota=quotas[0], weekly_quota=quotas[1])
        elif hasattr(self, f"labeler_{what}"):
            getattr(self, f"labeler_{what}")(labeler, how)
        elif what in ("submit", "skip", "lapse", "draft", "resume"):
            self.go_on(labeler, what)
        elif what == "reserve":
            RankingTask.objects.filter(pk=task.pk).update(reserved_for=labeler)
        elif what == "write":  # one of its completions, before anybody was given it
            RankingTask.objects.filter(pk=task.pk, written_by=None, assignments=None).update(written_by=labeler)
        else:
            self.change_work(task, what, how)

    def go_on(self, labeler: Labeler, what: str) -> None:
        held = Assignment.objects.filter(labeler=labeler).order_by("-pk").first()
        if held and what == "resume":
            resume(labeler=labeler, token=str(held.token))
        elif held and what == "draft":
            version = held.draft_version
            ASSIGNMENTS.save_draft(labeler=labeler, token=str(held.token), draft={"note": ["so"]}, base_version=version)
        elif held:
            end(labeler, held, what)

    def change_work(self, task: RankingTask, what: str, how: int) -> None:
        if what == "warn":
            warn_of_content(prompt=task.prompt, warnings=[VIOLENCE] if how % 2 else [])
        elif what == "ask_for_skills":
            ask_for_skills(prompt=task.prompt, skills=["law"] if how % 2 else [])
        elif what == "rank_again":
            ask_for_another_ranking(task=task)
        elif what == "release_reservations":
            RankingTask.objects.update(ready_at="2020-01-01T00:00:00Z")
            release_reservations()
        elif what == "set_task_aside":
            set_task_aside(task=task, reason="of the test")
        elif what == "set_prompt_aside":
            set_prompt_aside(prompt=task.prompt, reason="of the test")
        elif what == "restore_task":
            restore_task(task=task)
        else:
            restore_prompt(prompt=task.prompt)

    def labeler_opt_out(self, labeler: Labeler, how: int) -> None:
        change_preferences(labeler=labeler, time_zone="", break_minutes=0, opt_outs=[VIOLENCE] if how % 2 else [])

    def labeler_learn(self, labeler: Labeler, how: int) -> None:
        languages = [["en"], ["zh"], ["en", "zh"], ["zh", "en"]][how]
        change_labeler(labeler=labeler, group=LabelerGroup(labeler.group), languages=languages)

    def labeler_train(self, labeler: Labeler, how: int) -> None:
        change_labeler(
            labeler=labeler,
            group=LabelerGroup(labeler.group),
            languages=labeler.languages,
            skills=["law"] if how % 2 else [],
        )

    def add(self, which: int, how: int) -> None:
        make_work(
            self.campaigns[which % 2],
            rankings=1 + how % 2,
            language=["en", "zh"][which // 2 % 2],
            content_warnings=[VIOLENCE] if how == 3 else [],
        )

    def labeler_claim(self, labeler: Labeler, _how: int = 0) -> None:
        held = Assignment.objects.filter(labeler=labeler, kind=self.kind, state="open").first()
        allowed = may_be_given(labeler, self.kind)
        reserved = set(RankingTask.objects.filter(reserved_for=labeler).values_list("prompt", flat=True)) & allowed
        claimed = CLAIMS[self.kind](labeler=labeler)
        if held is not None:
            assert claimed == held
        elif claimed is None:
            assert allowed == set()
        elif reserved and self.kind == AssignmentKind.RANKING:
            assert claimed.prompt_id in reserved
        else:
            assert claimed.prompt_id in allowed
            highest = max(Prompt.objects.filter(pk__in=allowed).values_list("campaign__priority", flat=True))
            assert claimed.campaign_id == self.campaigns[highest].pk

    def compare(self, labeler: Labeler) -> None:
        """The rule of the ORM and what is counted say the same."""
        labeler.refresh_from_db()
        allowed = may_be_given(labeler, self.kind)
        if self.kind == AssignmentKind.RANKING:
            found = list(RankingTask.objects.claimable_by(labeler).values_list("prompt", flat=True))
        else:
            found = list(Prompt.objects.claimable_by(labeler).values_list("pk", flat=True))
        assert sorted(found) == sorted(allowed)
        assert sum(available_by_campaign(labeler, self.kind).values()) == len(allowed)
        gets_work = labeler.assignments.filter(state="open").exists() or any(
            allowed if kind == self.kind else may_be_given(labeler, kind) for kind in KINDS
        )
        assert self.with_work.get(pk=labeler.pk).gets_work == gets_work


@pytest.mark.django_db
class TestCounting:
    def test_stops_where_nobody_reads_on_and_says_so(self, monkeypatch: pytest.MonkeyPatch, alice: Labeler) -> None:
        monkeypatch.setattr(available, "COUNTED_AT_MOST", 3)
        campaign = make_campaign()
        client = browser_of(alice)
        for expected, said in (("2", "2 tasks are ready."), ("3", "3 tasks or more are ready.")):
            while sum(available_by_campaign(alice, AssignmentKind.RANKING).values()) < int(expected):
                make_work(campaign)
            assert said in client.get("/next/ranking/").content.decode()
        make_work(campaign)
        assert waiting_for(alice, AssignmentKind.RANKING).available == 3
        html = compact(client.get("/").content.decode())
        assert 'data-available="ranking">3+<' in html
        assert "Rankings: 3+ ·" in html

    def test_a_million_says_or_more_in_chinese_too(self, monkeypatch: pytest.MonkeyPatch, alice: Labeler) -> None:
        monkeypatch.setattr(available, "COUNTED_AT_MOST", 2)
        campaign = make_campaign()
        for _ in range(3):
            make_work(campaign)
        client = browser_of(alice)
        client.cookies["django_language"] = "zh-hans"
        assert "有 2 个以上的任务可以领取。" in client.get("/next/ranking/").content.decode()


@pytest.mark.django_db(transaction=True)
class TestAtTheSameTime:
    @pytest.fixture(autouse=True)
    def at_once(self) -> Iterator[None]:
        with progress_recorded_at_once():
            yield

    def test_work_that_drew_its_place_earlier_and_is_committed_later_is_not_passed_over(
        self, alice: Labeler, bob: Labeler
    ) -> None:
        campaign = make_campaign()
        _first, late, *others = [make_work(campaign) for _ in range(5)]
        begun = claim_ranking(labeler=bob)
        assert begun
        end(bob, begun, "skip")  # so that there is a queue of what was given back, which all that follows joins
        claim_and_hand_in(alice, AssignmentKind.RANKING)
        held = claim_ranking(labeler=bob)
        assert held
        given_back, met = threading.Event(), threading.Event()

        def give_back_slowly(_: int) -> None:
            with transaction.atomic():
                end(bob, held, "skip")
                given_back.set()
                assert met.wait(20)

        def meet_what_is_given_back_after(_: int) -> None:
            assert given_back.wait(20)
            carol = make_labeler("carol")
            for task in others:
                theirs = claim_ranking(labeler=carol)
                assert theirs
                end(carol, theirs, "skip")
                hers = claim_ranking(labeler=alice)
                assert work_of(hers) == task.prompt_id
                assert hers
                end(alice, hers, "submit")
            met.set()

        assert in_threads(2, lambda number: (give_back_slowly, meet_what_is_given_back_after)[number](0)) == []
        assert work_of(claim_ranking(labeler=alice)) == late.prompt_id

    def test_progress_is_recorded_when_nobody_draws(self, alice: Labeler) -> None:
        campaign = make_campaign()
        tasks = [make_work(campaign, rankings=3) for _ in range(4)]
        for _ in tasks:
            claim_and_hand_in(alice, AssignmentKind.RANKING)
        assert claim_ranking(labeler=alice) is None
        queue = WorkQueue.objects.get(kind=AssignmentKind.RANKING, returned=False)
        last = RankingTask.objects.get(pk=tasks[-1].pk).queue_place
        assert last is not None
        assert QueueProgress.objects.get(labeler=alice, queue=queue).passed >= last

    def test_a_place_beside_one_that_is_just_being_taken_is_waited_for(self, alice: Labeler) -> None:
        task = make_work(make_campaign(), rankings=2)
        locked, claiming = threading.Event(), threading.Event()

        def hold_the_row(_: int) -> None:
            with transaction.atomic():
                RankingTask.objects.select_for_update().get(pk=task.pk)
                locked.set()
                assert claiming.wait(20)
                time.sleep(0.1)

        def claim(_: int) -> None:
            connection.ensure_connection()
            assert locked.wait(20)
            claiming.set()
            assert work_of(claim_ranking(labeler=alice)) == task.prompt_id

        assert in_threads(2, lambda number: (hold_the_row, claim)[number](0)) == []
