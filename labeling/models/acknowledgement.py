from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.models.campaign import InstructionVersion
from labeling.models.labeler import Labeler


class InstructionAcknowledgement(models.Model):
    """A labeler said that they have read this version of a campaign's instructions. Once is enough."""

    labeler = models.ForeignKey(Labeler, on_delete=models.CASCADE, related_name="acknowledgements")
    instruction_version = models.ForeignKey(
        InstructionVersion, on_delete=models.PROTECT, related_name="acknowledgements"
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("instruction acknowledgement")
        verbose_name_plural = _("instruction acknowledgements")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["labeler", "instruction_version"], name="acknowledgement_once")]

    def __str__(self) -> str:
        return f"{self.labeler} has read {self.instruction_version}"
