"""Pages that say why something can't go on: what happened, what was kept, and what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@dataclass(frozen=True, kw_only=True)
class Action:
    """What the labeler can do next: a link, or a button that posts."""

    label: str
    url: str
    posts: bool = False


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """The first action is the one to take. `icon` names a file of templates/icons/."""

    title: str
    text: str
    icon: str
    actions: list[Action]


def show_interruption(
    request: HttpRequest, page: Interruption, *, status: int = 200, finished: Mapping[str, object] | None = None
) -> HttpResponse:
    """`finished`: {token, address} of closed work of which this browser may still hold changes (unsent.js)."""
    context = {"page": page, "icon": f"icons/{page.icon}.svg", "finished": finished}
    return render(request, "base/interruption.html", context, status=status)
