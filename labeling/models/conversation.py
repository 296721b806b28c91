from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.models.campaign import Campaign
from labeling.models.choices import not_blank, one_of
from labeling.models.composition import Composition
from labeling.models.labeler import Labeler
from labeling.models.model_version import ModelVersion

ROLES = ("system", "user", "assistant")
AUTHOR_TYPES = ("human", "model")


class Conversation(models.Model):
    """A dialogue that a labeler wrote, or had with the current model. Once it is handed in nothing is added to it."""

    composition = models.OneToOneField(
        Composition, null=True, blank=True, on_delete=models.PROTECT, related_name="conversation"
    )
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="conversations")
    labeler = models.ForeignKey(Labeler, on_delete=models.PROTECT, related_name="conversations")
    language = models.CharField(max_length=16)
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ["id"]
        constraints = [not_blank("language", name="conversation_language_not_blank")]

    def __str__(self) -> str:
        return f"Conversation {self.pk}"


class Message(models.Model):
    """One turn, with who wrote it (ChatGPT's data collection, FACTS §6). It never changes (a trigger refuses).

    A turn that takes a suggestion of the model word for word is written by that model; one that edits it by a person.
    """

    conversation = models.ForeignKey(Conversation, on_delete=models.PROTECT, related_name="messages")
    position = models.PositiveIntegerField()
    role = models.CharField(max_length=16)
    content = models.TextField()
    author_type = models.CharField(max_length=8)
    model_version = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["conversation", "position"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "position"], name="message_position_unique"),
            one_of("role", ROLES, name="message_role_known"),
            one_of("author_type", AUTHOR_TYPES, name="message_author_type_known"),
            not_blank("content", name="message_content_not_blank"),
            models.CheckConstraint(
                condition=Q(author_type="human", model_version=None)
                | Q(author_type="model", model_version__isnull=False, role="assistant"),
                name="message_model_written_names_its_model",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.content[:60]}"
