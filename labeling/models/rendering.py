from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.models.sampling import Completion


class RenderedCompletion(models.Model):
    """A completion as safe HTML, made when its task became ready, so that no labeler waits for a parser.

    Derived: rows may be deleted at any time, and those of another renderer than today's are passed over.
    """

    completion = models.OneToOneField(Completion, primary_key=True, on_delete=models.CASCADE, related_name="rendered")
    renderer = models.CharField(max_length=16, help_text="RENDERER of labeling/markdown.py when it was made.")
    html = models.TextField()
    raw = models.TextField(help_text="As it was written, every character shown.")

    class Meta:
        verbose_name = _("rendered completion")
        verbose_name_plural = _("rendered completions")

    def __str__(self) -> str:
        return f"HTML of completion {self.pk}"
