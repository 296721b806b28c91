"""Who used how much: tokens in and out, by program and day."""

from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import F

from labeling.people.tokens.models import ApiToken
from labeling.serving.models import ChatUsage
from labeling.serving.queries import today


def note_usage(*, token: ApiToken, prompt_tokens: int, completion_tokens: int) -> None:
    """Adds one request's tokens to its program's day; requests that end together are all counted."""
    day = today()
    if _add(token, day, prompt_tokens, completion_tokens):
        return
    try:
        with transaction.atomic():
            ChatUsage.objects.create(
                token=token, day=day, requests=1, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens
            )
    except IntegrityError:  # another request of the day was the first one meanwhile
        _add(token, day, prompt_tokens, completion_tokens)


def _add(token: ApiToken, day: date, prompt_tokens: int, completion_tokens: int) -> bool:
    of_day = ChatUsage.objects.filter(token=token, day=day)
    return bool(
        of_day.update(
            requests=F("requests") + 1,
            prompt_tokens=F("prompt_tokens") + prompt_tokens,
            completion_tokens=F("completion_tokens") + completion_tokens,
        )
    )
