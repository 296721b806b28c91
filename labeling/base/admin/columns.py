"""Done of wanted, as a bar with its numbers.

A prompt in one line of a list.
"""

from django.utils.html import format_html


def bar(done: int, wanted: int) -> str:
    """Full where more was done than is wanted now (something was set aside meanwhile)."""
    share = 100 if wanted and done >= wanted else 100 * done // wanted if wanted else 0
    return format_html(
        '<span class="cc-progress" title="{}%"><span class="cc-progress-numbers">{} / {}</span>'
        '<span class="cc-progress-track"><span class="cc-progress-done" style="width:{}%"></span></span></span>',
        share,
        f"{done:,}",
        f"{max(wanted, done):,}",
        share,
    )


LENGTH = 140


def excerpt(text: str, *, language: str) -> str:
    """The beginning of a text, for one line of a list."""
    return format_html('<span class="cc-excerpt" lang="{}">{}</span>', language, text[:LENGTH])
