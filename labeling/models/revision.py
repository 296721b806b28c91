import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.models.assignment import Assignment
from labeling.models.choices import choices, one_of
from labeling.states import RevisionState


class Revision(models.Model):
    """A second thought about something handed in: its own draft, until it becomes the label's next revision.

    What was handed in stays as it is; the label itself is a further row of Ranking or Demonstration.
    """

    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="The name in the address.")
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="revisions")
    state = models.CharField(max_length=16, choices=choices(RevisionState), default=RevisionState.OPEN)
    handed_in = models.JSONField(help_text="What counted when it was begun, as the fields of the page.")
    draft = models.JSONField(default=dict, blank=True, help_text="Empty until something was changed.")
    draft_version = models.PositiveIntegerField(default=0)
    draft_saved_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        ordering = ["-id"]
        constraints = [
            one_of("state", RevisionState, name="revision_state_known"),
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(state="open"), name="revision_one_open_per_assignment"
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at=None) | ~Q(state="open") & Q(closed_at__isnull=False),
                name="revision_closed_at_matches_state",
            ),
        ]

    def __str__(self) -> str:
        return f"revision of {self.assignment}"

    @property
    def labeler_id(self) -> int:
        return self.assignment.labeler_id

    def fields(self) -> dict[str, object]:
        """What the page begins with: the draft, or what was handed in where nothing has been changed yet."""
        return dict(self.draft if self.draft_version else self.handed_in)
