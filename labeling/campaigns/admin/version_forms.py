"""Forms of new versions of what labelers are told: instructions and rubric."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from labeling.base.admin.fields import long_text
from labeling.campaigns.rules.rubric import MOST_FLAGS, RubricFlag


class InstructionsForm(forms.Form):
    """Markdown in every interface language; English must be there, others may follow."""

    body_en = long_text(_("Instructions in English (Markdown)"), rows=14)
    body_zh_hans = long_text(_("Instructions in Chinese (Markdown)"), required=False, rows=14)


BODY_FIELDS = {"en": "body_en", "zh-hans": "body_zh_hans"}
"""The form's field for each interface language."""


def written_bodies(cleaned: dict[str, Any]) -> dict[str, str]:
    """What an InstructionsForm holds, by interface language."""
    return {code: cleaned[name].strip() for code, name in BODY_FIELDS.items() if cleaned[name].strip()}


FLAG_FIELDS: tuple[tuple[str, StrPromise], ...] = (
    ("order", _("Order")),
    ("key", _("Key in exports")),
    ("label-en", _("Label in English")),
    ("label-zh-hans", _("Label in Chinese")),
    ("help-en", _("Help in English")),
    ("help-zh-hans", _("Help in Chinese")),
)
FlagRow = dict[str, str]
"""What the fields of one flag hold, by their names."""


class FlagsWidget(forms.Widget):
    """A row of fields for each flag that a rubric may have; those that are left empty are none."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:  # noqa: ARG002
        rows: list[FlagRow] = value or []
        rows = [*rows, *({} for _blank in range(MOST_FLAGS - len(rows)))]
        context = {
            "name": name,
            "labels": [label for _field, label in FLAG_FIELDS],
            "rows": [
                [(f"{name}-{number}-{field}", label, row.get(field, "")) for field, label in FLAG_FIELDS]
                for number, row in enumerate(rows, start=1)
            ],
        }
        return render_to_string("campaigns/admin/flags_editor.html", context)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[FlagRow]:  # noqa: ARG002
        rows = [
            {field: str(data.get(f"{name}-{number}-{field}") or "").strip() for field, _label in FLAG_FIELDS}
            for number in range(1, MOST_FLAGS + 1)
        ]
        return [row for row in rows if any(text for field, text in row.items() if field != "order")]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:  # noqa: ARG002
        return f"{name}-1-key" not in data


class FlagsField(forms.Field):
    """The rubric's flags (RubricFlag), a row of fields each. A rubric may have none."""

    widget = FlagsWidget

    def __init__(self, **kwargs: Any) -> None:
        help_text = _("In the order of their numbers. Empty rows are none; a flag can be left out by emptying its row.")
        super().__init__(label=_("Flags"), help_text=help_text, **kwargs)

    def prepare_value(self, value: Any) -> list[FlagRow]:
        """Rows of what was sent, or of the flags of a rubric."""
        return [
            row if "key" in row and "label" not in row else _row_of(row, at) for at, row in enumerate(value or [], 1)
        ]

    def to_python(self, value: Any) -> list[RubricFlag]:
        ordered = sorted(enumerate(value or [], start=1), key=lambda each: _place(each[1], each[0]))
        flags = [_flag_of(row, number) for number, (_sent_at, row) in enumerate(ordered, start=1)]
        keys = [flag["key"] for flag in flags]
        if repeated := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValidationError(_("The key %(keys)s is used twice.") % {"keys": ", ".join(repeated)})
        return flags

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial) != data)


def _place(row: FlagRow, otherwise: int) -> tuple[float, int]:
    try:
        return float(row["order"]), otherwise
    except ValueError:
        return float(otherwise), otherwise


def _row_of(flag: RubricFlag, number: int) -> FlagRow:
    texts = {
        f"{part}-{language}": texts.get(language, "")
        for part, texts in (("label", flag["label"]), ("help", flag.get("help", {})))
        for language in BODY_FIELDS
    }
    return {"order": str(number), "key": flag["key"], **texts}


def _flag_of(row: FlagRow, number: int) -> RubricFlag:
    """Raises ValidationError."""
    if not row["key"] or not row["label-en"]:
        raise ValidationError(_("Flag %(number)d needs a key and an English label.") % {"number": number})
    flag = RubricFlag(key=row["key"], label=_texts(row, "label"))
    if helped := _texts(row, "help"):
        flag["help"] = helped
    return flag


def _texts(row: FlagRow, part: str) -> dict[str, str]:
    return {language: row[f"{part}-{language}"] for language in BODY_FIELDS if row[f"{part}-{language}"]}


class PublishRubricForm(forms.Form):
    flags = FlagsField(required=False)
