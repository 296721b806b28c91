"""Who used how much: tokens in and out, by program and day."""

from django.db import connection

from labeling.people.tokens.models import ApiToken
from labeling.serving.queries import today

ADD = """
INSERT INTO labeling_chatusage AS used (token_id, day, requests, prompt_tokens, completion_tokens)
VALUES (%s, %s, 1, %s, %s)
ON CONFLICT (token_id, day) DO UPDATE SET
    requests = used.requests + 1,
    prompt_tokens = used.prompt_tokens + EXCLUDED.prompt_tokens,
    completion_tokens = used.completion_tokens + EXCLUDED.completion_tokens
"""


def note_usage(*, token: ApiToken, prompt_tokens: int, completion_tokens: int) -> None:
    """Adds one request's tokens to its program's day; requests that end together are all counted."""
    with connection.cursor() as cursor:
        cursor.execute(ADD, [token.pk, today(), prompt_tokens, completion_tokens])
