"""Who is said to make the changes that follow on this connection. PostgreSQL's triggers read it (triggers.py)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Changes made inside are said to be by `actor`. Begin it outside of transactions, which would take it back."""
    _name(actor)
    try:
        yield
    finally:
        try:
            _name("")
        except DatabaseError:  # the transaction around it failed, or the connection is gone: and the name with it
            connection.close_if_unusable_or_obsolete()


def _name(actor: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('concord.actor', %s, false)", [actor])


class ActorMiddleware:
    """Names whoever of the staff sends something.

    Labelers change settings in one place only, and are named there (labeling/people/views/preferences.py): their work
    must not wait for it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in SAFE or not request.user.is_authenticated or not request.user.is_staff:
            return self.get_response(request)
        with acting_as(request.user.get_username()):
            return self.get_response(request)
