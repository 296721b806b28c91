"""A demonstration that was handed in."""

from dataclasses import dataclass

from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.desk.models import Assignment
from labeling.desk.queries.submissions import Submission, label_of, submission_of


@dataclass(frozen=True, kw_only=True)
class DemonstrationSubmission:
    submission: Submission
    html: str


def demonstration_submission(assignment: Assignment, *, revision: int | None = None) -> DemonstrationSubmission:
    """Returns the given revision, or the last one. Raises Demonstration.DoesNotExist."""
    demonstration = label_of(assignment.demonstrations.all(), revision)
    return DemonstrationSubmission(
        submission=submission_of(assignment, demonstration, assignment.demonstrations.all()),
        html=render_markdown(demonstration.text, headings_from=TEXT_HEADINGS_FROM),
    )
