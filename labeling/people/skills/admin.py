"""Skills and topics, named in both languages."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.fields import text
from labeling.base.admin.model_admins import BaseAdmin, column, shown
from labeling.people.skills.models import Skill
from labeling.people.skills.services import add_skill, rename_skill


class SkillForm(forms.ModelForm):  # type: ignore[type-arg]  # only the stubs are generic
    name_en = text(lazy("Name in English"), max_length=60)
    name_zh = text(lazy("Name in Chinese"), max_length=60, required=False)

    class Meta:
        model = Skill
        fields = ("slug",)
        labels = {"slug": lazy("Slug")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = self.instance.name or {} if self.instance.pk else {}
        self.initial["name_en"], self.initial["name_zh"] = names.get("en", ""), names.get("zh-hans", "")


@admin.register(Skill)
class SkillAdmin(BaseAdmin):
    form = SkillForm
    list_display = ("name_en", "name_zh", shown("slug", lazy("Slug")))
    search_fields = ("slug", "name")
    fieldsets: ClassVar[tuple[Any, ...]] = ((None, {"fields": ("slug", "name_en", "name_zh")}),)
    add_fieldsets = fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:  # noqa: ARG002
        return ("slug",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Skill, form: Any, change: Any) -> None:  # noqa: ARG002
        name = {"en": form.cleaned_data["name_en"], "zh-hans": form.cleaned_data["name_zh"]}
        if change:
            rename_skill(skill=obj, name=name)
            return
        obj.pk = add_skill(slug=form.cleaned_data["slug"], name=name).pk

    @column(lazy("Skill"), ordering="name__en")
    def name_en(self, skill: Skill) -> str:
        return skill.name_in("en")

    @column(lazy("In Chinese"))
    def name_zh(self, skill: Skill) -> str:
        return str(skill.name.get("zh-hans", ""))
