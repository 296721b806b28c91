from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.models.labeler import Labeler


class EarlierDraft(models.Model):
    """A draft as it was before something replaced it, so that its author can go back (services/drafts.py).

    The token is that of an assignment or of a composition: both keep drafts in the same way.
    """

    token = models.UUIDField()
    labeler = models.ForeignKey(Labeler, on_delete=models.CASCADE, related_name="earlier_drafts")
    version = models.PositiveIntegerField(help_text="The version that this draft had, or that it did not become.")
    draft = models.JSONField()
    kept_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("earlier draft")
        verbose_name_plural = _("earlier drafts")
        ordering = ["-id"]
        indexes = [models.Index(fields=["token", "-id"], name="earlier_draft_by_token")]

    def __str__(self) -> str:
        return f"version {self.version} of {self.token}"
