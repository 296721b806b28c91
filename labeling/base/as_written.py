"""What people wrote, on the pages of others."""

from django.utils.safestring import SafeString, mark_safe

from labeling.base.markdown import raw_text


def as_written(text: str | None) -> SafeString:
    """`raw_text` for templates (a filter of that name) and cells of the admin: no hidden character of a note turns the
    words around it.
    """
    return mark_safe(raw_text(text or ""))  # noqa: S308  (escaped there)
