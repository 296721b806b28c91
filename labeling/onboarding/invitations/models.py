from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.base.constraints import one_of
from labeling.base.states import LabelerGroup, LabelerState
from labeling.campaigns.models.campaigns import Campaign
from labeling.people.roles.rules import Role

LABELER = "Labeler"
"""The role of everybody who is invited to label; the others are those of staff."""
BEGINS_IN = (LabelerState.SCREENING, LabelerState.PRACTICE, LabelerState.ACTIVE)


class Invitation(models.Model):
    """A link with which one person makes their account, once and within a time. Only its digest is kept."""

    digest = models.CharField(max_length=64, unique=True, editable=False)
    note = models.CharField(max_length=200, blank=True, help_text="For whom, such as a name or an agency.")
    role = models.CharField(max_length=32, default=LABELER)
    begins_in = models.CharField(
        max_length=16, choices=LabelerState.choices, default=LabelerState.SCREENING, help_text="Of labelers alone."
    )
    group = models.CharField(max_length=16, choices=LabelerGroup.choices, default=LabelerGroup.TRAINING)
    campaigns = models.ManyToManyField(Campaign, blank=True, related_name="+")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)
    used_at = models.DateTimeField(null=True, blank=True, editable=False)
    used_by = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-id"]
        constraints = [
            one_of("role", [LABELER, *Role], name="invitation_role_known"),
            one_of("begins_in", BEGINS_IN, name="invitation_begins_in_known"),
            one_of("group", LabelerGroup, name="invitation_group_known"),
            models.CheckConstraint(
                condition=Q(used_at=None, used_by=None)
                | Q(used_at__isnull=False, used_by__isnull=False, withdrawn_at=None),
                name="invitation_used_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return gettext("Invitation %(number)s") % {"number": self.pk}

    @property
    def why_gone(self) -> str:
        """used, withdrawn or expired; empty while it can be used."""
        if self.used_at:
            return "used"
        if self.withdrawn_at:
            return "withdrawn"
        return "expired" if self.expires_at <= timezone.now() else ""
