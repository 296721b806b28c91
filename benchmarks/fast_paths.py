"""What each piece of hand-made speed saves: processor time from a submission to the next page, with it and without.

    python -m benchmarks.fast_paths [--quick]

One process and one connection, so that neighbours on the machine count little. In each round every piece in turn is
replaced by what plain Django does in its place, for some operations, and nothing is replaced for as many. The time is
the processor's: this process's and that of its PostgreSQL backend.
"""

import gc
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

from benchmarks.desk.clients import ranking_of
from benchmarks.harness.command import run
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord

OURS = "as it is"
OPERATIONS = 6
ROUNDS = 0
FORM = "application/x-www-form-urlencoded"


def everywhere(ours: Any, plain: Any) -> ExitStack:
    stack = ExitStack()
    found = 0
    for name, module in list(sys.modules.items()):
        if name.startswith(("labeling", "config")):
            for attribute, value in list(vars(module).items()):
                if value is ours:
                    stack.enter_context(patch.object(module, attribute, plain))
                    found += 1
                elif isinstance(value, dict):
                    for key, item in list(value.items()):
                        if item is ours:
                            stack.enter_context(patch.dict(value, {key: plain}))
    assert found, ours
    return stack


def pieces() -> dict[str, Callable[[], Any]]:
    from django.contrib.sessions.backends import db
    from django.contrib.auth.models import User
    from django.contrib.auth.backends import ModelBackend
    from django.db.models import F, FilteredRelation, Q, Case, When, Value
    from django.db.models.functions import Length
    from config import sessions
    from labeling.base import markdown
    from labeling.campaigns import queries as campaigns
    from labeling.campaigns.models.campaigns import InstructionAcknowledgement, InstructionVersion, RubricVersion
    from labeling.campaigns.models.prompts import Prompt
    from labeling.desk.models import Assignment
    from labeling.desk.queries import work
    from labeling.desk.ranking import queries as ranking_queries, services as ranking, views as cards
    from labeling.desk.ranking.models import RankedCompletion, Ranking
    from labeling.desk.services import assignments, leases, next_task
    from labeling.people import queries as people
    from labeling.people.models import Labeler
    from labeling.ranking_tasks.models import Completion, RankingTask
    from labeling.base.states import AssignmentState, TaskState
    from labeling.templatetags import cached_include as inc
    from datetime import timedelta

    def get_user(self, user_id):
        user = User.objects.select_related("labeler").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def own_assignment(labeler, token):
        assignment = Assignment.objects.select_related("prompt", "campaign").get(token=token, labeler=labeler)
        assignment.prompt.campaign = assignment.campaign
        assignment.labeler = labeler
        return work.with_versions(assignment)

    def own_assignment_only(labeler, token):
        assignment = Assignment.objects.select_related(
            "prompt", "campaign", "instruction_version", "rubric_version").get(token=token, labeler=labeler)
        assignment.prompt.campaign = assignment.campaign
        assignment.labeler = labeler
        return assignment

    def lock_own(self, *, labeler, token):
        locked = Assignment.objects.select_for_update(of=("self",), no_key=True).select_related("labeler", "campaign")
        return work.with_versions(locked.get(token=token, labeler=labeler))

    def lock_own_only(self, *, labeler, token):
        locked = Assignment.objects.select_for_update(of=("self",), no_key=True).select_related("labeler", "campaign", "instruction_version", "rubric_version")
        return locked.get(token=token, labeler=labeler)

    def has_read(labeler, instruction_version_id):
        return InstructionAcknowledgement.objects.filter(
            labeler=labeler, instruction_version_id=instruction_version_id).exists()

    def done_today(labeler, kind):
        begin = people.beginning_of_today(labeler)
        return Assignment.objects.filter(labeler=labeler, kind=kind, state=AssignmentState.SUBMITTED,
            closed_at__gte=begin, closed_at__lt=begin + timedelta(days=1)).count()

    def claim(labeler, statement, values):
        found = list(Assignment.objects.raw(
            "SELECT * FROM concord_take_next_task(%s, %s, %s)" if len(values) == 3 else "SELECT * FROM concord_take_next_prompt(%s, %s)", values))
        if not found:
            return None
        assignment = found[0]
        assignment.prompt = Prompt.objects.select_related("campaign").get(pk=assignment.prompt_id)
        assignment.campaign = assignment.prompt.campaign
        assignment.labeler = labeler
        return assignment

    def write(assignment, judgements, ranks, *, revision, active_seconds, whole):
        labeler = assignment.labeler
        made = Ranking.objects.create(
            task_id=assignment.task_id, labeler=labeler, assignment=assignment, revision=revision,
            instruction_version_id=assignment.instruction_version_id, rubric_version_id=assignment.rubric_version_id,
            active_seconds=max(0.0, active_seconds), labeler_group=labeler.group, simulated=labeler.simulated, **whole)
        RankedCompletion.objects.bulk_create([
            RankedCompletion(ranking=made, completion_id=assignment.shown_order[judged.shown_position - 1],
                rank=ranks[judged.shown_position], quality=judged.quality, flags=sorted(set(judged.flags)),
                note=judged.note, shown_position=judged.shown_position) for judged in judgements])
        return made

    def close_submitted(assignment, *, now):
        if assignment.task_id is None:
            Prompt.objects.filter(pk=assignment.prompt_id).update(
                demonstrations_open=F("demonstrations_open") - 1, demonstrations_done=F("demonstrations_done") + 1)
        else:
            RankingTask.objects.filter(pk=assignment.task_id).update(
                rankings_open=F("rankings_open") - 1, rankings_done=F("rankings_done") + 1,
                state=Case(When(state=TaskState.READY, rankings_needed=F("rankings_done") + 1, then=Value("done")),
                           default=F("state")))
        assignment.state, assignment.closed_at = AssignmentState.SUBMITTED, now
        assignment.save(update_fields=["state", "closed_at"])

    def shown_completions(assignment):
        rendered = FilteredRelation("rendered", condition=Q(rendered__renderer=markdown.RENDERER))
        rows = Completion.objects.filter(task=assignment.task_id).annotate(ahead=rendered).annotate(
            length=Length("text"), only=Case(When(ahead__html=None, then=F("text")))
        ).values_list("pk", "length", "ahead__html", "ahead__raw", "only")
        found = {row[0]: row[1:] for row in rows}
        return [ranking_queries._shown(position, *found[pk]) for position, pk in enumerate(assignment.shown_order, start=1)]

    def include(self, context):
        known = {name: expression.resolve(context) for name, expression in self.named.items()}
        included = context.template.engine.get_template(self.name.resolve(context))
        return included.render(context.new(known))

    def card_html(card, *, language):
        return cards._drawn(card, language)

    @contextmanager
    def unfrozen():
        gc.unfreeze()
        yield
        gc.collect()
        gc.freeze()

    @contextmanager
    def both(*patches):
        with ExitStack() as stack:
            for each in patches:
                stack.enter_context(each())
            yield

    single = {
        "SQL session back end": lambda: patch.object(sessions.SessionStore, "load", db.SessionStore.load),
        "SQL user back end": lambda: patch.object(people.LabelerBackend, "get_user", get_user),
        "(user back end: plain ModelBackend)": lambda: patch.object(people.LabelerBackend, "get_user", ModelBackend.get_user),
        "own assignment by SQL": lambda: everywhere(work.own_assignment, own_assignment),
        "own assignment locked by SQL": lambda: patch.object(assignments.AssignmentTable, "lock_own", lock_own),
        "what was claimed, with prompt and campaign, by SQL": lambda: everywhere(next_task._claim, claim),
        "versions kept by process (extra queries)": lambda: both(
            lambda: everywhere(campaigns.instruction_version, campaigns.instruction_version.__wrapped__),
            lambda: everywhere(campaigns.rubric_version, campaigns.rubric_version.__wrapped__)),
        "versions kept by process + own by SQL (joins)": lambda: both(
            lambda: everywhere(work.own_assignment, own_assignment_only),
            lambda: patch.object(assignments.AssignmentTable, "lock_own", lock_own_only)),
        "acknowledgements kept by process": lambda: everywhere(campaigns.has_read, has_read),
        "count of today by SQL": lambda: everywhere(work.done_today, done_today),
        "ranking written by one statement": lambda: patch.object(ranking, "_write", write),
        "closed by one statement": lambda: everywhere(leases.close_submitted, close_submitted),
        "completions read by SQL": lambda: everywhere(ranking_queries.shown_completions, shown_completions),
        "rendered ahead": lambda: patch.object(ranking_queries, "RENDERER", "none"),
        "HTML of guidance kept": lambda: everywhere(markdown.render_markdown, markdown.render_markdown.__wrapped__),
        "blank cards kept": lambda: everywhere(cards.card_html, card_html),
        "cached_include": lambda: patch.object(inc.CachedInclude, "render", include),
        "gc.freeze": unfrozen,
    }
    return single


def everything_plain(found):
    @contextmanager
    def all_of_them():
        with ExitStack() as stack:
            for name, each in found.items():
                if "(" not in name:
                    stack.enter_context(each())
            yield
    return all_of_them


def cpu(pid: int) -> tuple[float, float]:
    return time.process_time(), int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def main(quick: bool) -> Sequence[Measure]:
    rounds = ROUNDS or (6 if quick else 40)
    with scratch_concord():
        from benchmarks.desk import stage
        from django.conf import settings
        from django.db import connection
        from django.test import Client
        from django.core.management import call_command
        assert not settings.DEBUG, "DEBUG"
        call_command("collectstatic", interactive=False, verbosity=0)
        import labeling.urls  # noqa

        found = pieces()
        variants = {OURS: ExitStack, **found, "everything plain": everything_plain(found)}
        size = OPERATIONS + 1
        set_up = stage.set_stage(tasks=rounds * len(variants) * size + 60 + 0, labelers=rounds + 1)
        stage.analyze()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        client = Client(SERVER_NAME="localhost", HTTP_HOST="localhost")

        def begin(labeler) -> tuple[str, bytes]:
            client.force_login(labeler.user)
            where = client.post("/next/ranking/")["Location"]
            return where, client.get(where).content

        def operate(where, page):
            body = urlencode(ranking_of(page))
            before = cpu(pid)
            response = client.post(f"{where}submit/?next=here", body, content_type=FORM)
            content = response.content
            after = cpu(pid)
            assert response.status_code == 200 and response.get("Content-Location"), (response.status_code, content[:300])
            return response["Content-Location"], content, (1000 * (after[0] - before[0]), 1000 * (after[1] - before[1]))

        times = {name: [] for name in variants}
        for number, labeler in enumerate(set_up.labelers):
            where, page = begin(labeler)
            if number == 0:
                for _ in range(50):
                    where, page, _ = operate(where, page)
                gc.collect()
                gc.freeze()
                continue
            order = list(variants)
            random.shuffle(order)
            for name in order:
                with variants[name]():
                    where, page, _ = operate(where, page)
                    some = []
                    for _ in range(OPERATIONS):
                        where, page, took = operate(where, page)
                        some.append(took)
                times[name].append(tuple(statistics.mean(part) for part in zip(*some)))
        base = times[OURS]
        print(f"as it is: web {statistics.median(w for w, _ in base):.2f} + PG {statistics.median(p for _, p in base):.2f} ms")
        total = statistics.median(w + p for w, p in base)
        measures = []
        for name, took in times.items():
            web = [a[0] - b[0] for a, b in zip(took, base)]
            pg = [a[1] - b[1] for a, b in zip(took, base)]
            both = [a + b for a, b in zip(web, pg)]
            error = 1.25 * statistics.stdev(both) / len(both) ** 0.5
            print(f"{name:55s} {statistics.median(both):+7.2f} ms (web {statistics.median(web):+.2f}, PG {statistics.median(pg):+.2f}), ± {error:.2f}, {100 * statistics.median(both) / total:+.1f} % of {total:.2f}")
            measures.append(Measure(name=name, value=statistics.median(both), unit="ms", better="less"))
    return measures


if __name__ == "__main__":
    run(main)
