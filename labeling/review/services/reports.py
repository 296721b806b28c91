"""Tasks that labelers report as broken: an admin sets them aside or dismisses the report, and the labelers are told."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from labeling.base.refusals import AlreadyDecided, ReasonMissing
from labeling.base.states import AssignmentState, ReportState, SkipReason, TaskState
from labeling.base.text import clean_text
from labeling.desk.models import Assignment
from labeling.ranking_tasks.services.setting_aside import set_prompt_aside, set_task_aside
from labeling.review.models.threads import BrokenTaskReport
from labeling.review.services.threads import write_as_staff


@transaction.atomic
def report_broken(*, assignment: Assignment, text: str) -> BrokenTaskReport:
    """The labeler of the assignment says that it can't be done as it is. Twice is once. Raises UnstorableText."""
    assignment = Assignment.objects.select_for_update(no_key=True).get(pk=assignment.pk)
    known = assignment.broken_reports.filter(state=ReportState.OPEN).first()
    return known or BrokenTaskReport.objects.create(assignment=assignment, text=clean_text(text).strip())


def take_up_skipped() -> int:
    """Work that was skipped as broken is reported as broken. Returns how many reports were made."""
    known = BrokenTaskReport.objects.filter(assignment=OuterRef("pk"))
    skipped = Assignment.objects.filter(
        ~Exists(known), state=AssignmentState.SKIPPED, skip_reason=SkipReason.BROKEN, labeler__simulated=False
    )
    found = list(skipped.order_by("closed_at")[:500])
    for assignment in found:
        report_broken(assignment=assignment, text=assignment.skip_note)
    return len(found)


@transaction.atomic
def set_aside_as_reported(*, report: BrokenTaskReport, by: User, reason: str) -> BrokenTaskReport:
    """Nobody is offered the task any more, or its prompt where the task is done or there is none. All open reports of
    the same are settled.

    Raises ReasonMissing, AlreadyDecided.
    """
    report = _locked(report, reason)
    task, prompt = report.assignment.task, report.assignment.prompt
    if task is not None and task.state in (TaskState.READY, TaskState.SAMPLING):
        set_task_aside(task=task, reason=reason)
    elif not prompt.set_aside_reason and (task is None or task.state != TaskState.SET_ASIDE):
        set_prompt_aside(prompt=prompt, reason=reason)
    return _settle(report, ReportState.SET_ASIDE, by=by, answer=reason)


@transaction.atomic
def dismiss_report(*, report: BrokenTaskReport, by: User, answer: str) -> BrokenTaskReport:
    """The task stays as it is, and the labeler is told why. Raises ReasonMissing, AlreadyDecided."""
    return _settle(_locked(report, answer), ReportState.DISMISSED, by=by, answer=answer)


def _locked(report: BrokenTaskReport, answer: str) -> BrokenTaskReport:
    if not answer.strip():
        raise ReasonMissing("Say why: the labeler who reported it is told.")
    locked = BrokenTaskReport.objects.select_for_update(no_key=True, of=("self",))
    report = locked.select_related("assignment__prompt", "assignment__task", "assignment__labeler").get(pk=report.pk)
    if report.state != ReportState.OPEN:
        raise AlreadyDecided(f"This report was decided already: {report.get_state_display()}.")
    return report


def _settle(report: BrokenTaskReport, state: ReportState, *, by: User, answer: str) -> BrokenTaskReport:
    """Closes the report, with all others of the same task or prompt when it is set aside, and tells who reported."""
    settled = [report]
    if state == ReportState.SET_ASIDE:
        others = BrokenTaskReport.objects.filter(
            state=ReportState.OPEN, assignment__prompt=report.assignment.prompt, assignment__task=report.assignment.task
        ).exclude(pk=report.pk)
        settled += others.select_related("assignment__labeler")
    for each in settled:
        each.move(to=state, decided_by=by, decided_at=timezone.now(), answer=answer.strip())
        write_as_staff(labeler=each.assignment.labeler, text=answer, by=by, work=each.assignment)
    return report
