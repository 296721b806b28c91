"""Forms of new versions of what labelers are told: instructions and rubric."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from labeling.base.admin.fields import long_text


class InstructionsForm(forms.Form):
    """Markdown in every interface language; English must be there, others may follow."""

    body_en = long_text(_("Instructions in English (Markdown)"), rows=14)
    body_zh_hans = long_text(_("Instructions in Chinese (Markdown)"), required=False, rows=14)


BODY_FIELDS = {"en": "body_en", "zh-hans": "body_zh_hans"}
"""The form's field for each interface language."""


def written_bodies(cleaned: dict[str, Any]) -> dict[str, str]:
    """What an InstructionsForm holds, by interface language."""
    return {code: cleaned[name].strip() for code, name in BODY_FIELDS.items() if cleaned[name].strip()}


class FlagsField(forms.CharField):
    """The rubric's flags as JSON: [{"key", "label": {language: text}, "help": {language: text}}, …]."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=_("Flags (JSON)"),
            help_text=_(
                "A list of flags in the order shown. Each has a key for exports, which may not be used twice, and a "
                "label and a help text by interface language."
            ),
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 18, "class": "cc-code", "spellcheck": "false"}),
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value or [], ensure_ascii=False, indent=2)

    def to_python(self, value: Any) -> Any:
        try:
            flags = json.loads(value or "[]")
        except json.JSONDecodeError as broken:
            raise ValidationError(
                _("Line %(line)d, column %(column)d is not JSON: %(why)s")
                % {"line": broken.lineno, "column": broken.colno, "why": broken.msg}
            ) from broken
        except (RecursionError, ValueError) as unreadable:
            raise ValidationError(
                _("The JSON can't be read: it is nested too deeply, or a number is too long.")
            ) from unreadable
        _check_flags(flags)
        return flags

    def validate(self, value: Any) -> None:
        """Everything was checked while it was read; a rubric may have no flag at all."""


def _check_flags(flags: object) -> None:
    if not isinstance(flags, list):
        raise ValidationError(_("The flags must be a list, in square brackets."))
    keys = [flag.get("key") for flag in flags if isinstance(flag, dict)]
    if repeated := sorted({str(key) for key in keys if keys.count(key) > 1}):
        raise ValidationError(_("The key %(keys)s is used twice.") % {"keys": ", ".join(repeated)})
    for number, flag in enumerate(flags, start=1):
        labels = flag.get("label") if isinstance(flag, dict) else None
        if not (isinstance(labels, dict) and isinstance(flag.get("key"), str) and labels.get("en")):
            raise ValidationError(
                _("Flag %(number)d needs a “key” and a “label” with at least an English text (“en”).")
                % {"number": number}
            )
        if not isinstance(flag.get("help", {}), dict):
            raise ValidationError(
                _("The “help” of flag %(number)d must give a text by language, such as {“en”: …}.") % {"number": number}
            )


class PublishRubricForm(forms.Form):
    flags = FlagsField(required=False)
