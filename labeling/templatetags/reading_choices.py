"""The choices of how to read, in words.

{% load reading_choices %}{% get_reading_choices as choices %}
"""

from dataclasses import dataclass

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from labeling.people.rules import READING_CHOICES, READING_DEFAULTS

register = template.Library()

LEGENDS: dict[str, str | Promise] = {
    "text": _("Text size"),
    "columns": _("Columns"),
    "prompt": _("Width of the prompt"),
    "cards": _("Order of the completions"),
}
WORDS: dict[str, str | Promise] = {
    "auto": _("Auto"),
    "1": "1",
    "2": "2",
    "3": "3",
    "small": _("Small"),
    "normal": pgettext_lazy("size", "Normal"),
    "large": _("Large"),
    "largest": _("Largest"),
    "narrow": _("Narrow"),
    "wide": _("Wide"),
    "half": _("Half"),
    "shown": _("As handed out"),
    "rank": _("By rank"),
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One fieldset: its name, its legend, the value where nothing was chosen, and (value, word) of each option."""

    name: str
    default: str
    legend: str | Promise
    options: list[tuple[str, str | Promise]]


@register.simple_tag
def get_reading_choices() -> list[Choice]:
    return [
        Choice(
            name=name,
            legend=legend,
            default=READING_DEFAULTS[name],
            options=[(value, WORDS[value]) for value in READING_CHOICES[name]],
        )
        for name, legend in LEGENDS.items()
    ]
