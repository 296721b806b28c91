"""A prompt in one line of a list."""

from django.utils.html import format_html

from labeling.models import Prompt

LENGTH = 140


def excerpt(prompt: Prompt) -> str:
    """How its last user turn begins."""
    return format_html(
        '<span class="cc-excerpt" lang="{}">{}</span>', prompt.language, prompt.last_user_text()[:LENGTH]
    )
