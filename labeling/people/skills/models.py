from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.base.language import in_language


class Skill(models.Model):
    """Something that work may ask for and a labeler may have: a skill, or a topic that they know.

    Campaigns, prompts and labelers name it by its slug, which never changes, and no row is deleted.
    """

    slug = models.SlugField(max_length=32, unique=True, help_text=_("Such as law. It can't change later."))
    name = models.JSONField(help_text="By interface language.")

    class Meta:
        verbose_name = _("skill")
        verbose_name_plural = _("skills")
        ordering = ["slug"]
        constraints = [models.CheckConstraint(condition=Q(slug__regex="^[-a-zA-Z0-9_]+$"), name="skill_slug_is_one")]

    def __str__(self) -> str:
        return self.slug

    def name_in(self, language: str) -> str:
        return in_language(self.name, language) or self.slug
