"""Nothing tells a labeler which task is gold, a repeat, shared or none of these: no markup, no query, no order."""

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from labeling.base.states import CheckKind
from labeling.desk.services.assignments import claim_ranking
from labeling.models import Assignment, Campaign, Check, Labeler, RankingTask
from labeling.ranking_tasks.services.tasks import copy_task
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank
from tests.labeling.quality.gold.test_checks import days_ago, gold_of

pytestmark = pytest.mark.django_db

TEXTS = ["Answer number 1 to it.", "Answer number 2 to it.", "Answer number 3 to it.", "Answer number 4 to it."]
CONTENT = [
    re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),  # tokens
    re.compile(r'name="csrfmiddlewaretoken" value="[^"]+"'),
    re.compile(r"\d{4}-\d\d-\d\dT[\d:.+]+"),  # the lease's end
    re.compile(r"\d+: why is the sky blue\?"),
    re.compile(r"Answer number \d to it\."),
    re.compile(r"\d\d:\d\d"),
    re.compile(r'nonce="[^"]+"'),
    re.compile(r"\d+ today"),
]


def ordinary(campaign: Campaign, _alice: Labeler) -> RankingTask:
    return make_ready_task(make_prompt(campaign), texts=TEXTS)


def shared(campaign: Campaign, _alice: Labeler) -> RankingTask:
    task = make_ready_task(make_prompt(campaign), texts=TEXTS)
    RankingTask.objects.filter(pk=task.pk).update(shared=True, rankings_needed=3)
    return task


def gold(campaign: Campaign, alice: Labeler) -> RankingTask:
    item = gold_of(campaign)
    copy = copy_task(task=item.task, labeler=alice)
    Check.objects.create(labeler=alice, task=copy, kind=CheckKind.GOLD, item=item)
    return copy


def repeat(campaign: Campaign, alice: Labeler) -> RankingTask:
    make_ready_task(make_prompt(campaign), texts=TEXTS)
    first = rank(alice, [1, 2, 3, 4])
    days_ago(first, 30)
    copy = copy_task(task=first.task, labeler=alice)
    Check.objects.create(labeler=alice, task=copy, kind=CheckKind.REPEAT, earlier=first)
    return copy


KINDS: tuple[Callable[[Campaign, Labeler], RankingTask], ...] = (ordinary, shared, gold, repeat)


def without_content(html: str) -> str:
    for content in CONTENT:
        html = content.sub("…", html)
    return html


def claimed_page(browser: Client) -> tuple[str, int, int]:
    """The next page as the browser gets it, how many queries the claim took, and how many the page."""
    with CaptureQueriesContext(
        connection,
    ) as claim:
        to = browser.post(reverse("next_ranking"))["Location"]
    with CaptureQueriesContext(connection) as page:
        html = browser.get(to).text
    return html, len(claim), len(page)


def test_pages_and_queries_of_all_kinds_of_tasks_are_the_same() -> None:
    campaign, alice = make_campaign(gold_feedback=False), make_labeler()
    browser = browser_of(alice)
    ordinary(campaign, alice)  # warms what each process reads once
    claimed_page(browser)
    rank(alice, [1, 2, 3, 4])

    seen = {}
    for make in KINDS:
        task = make(campaign, alice)
        seen[make.__name__] = claimed_page(browser)
        held = Assignment.objects.get(labeler=alice, state="open")
        assert held.task == task
        after = browser.post(
            reverse("work_submit", args=[held.token]),
            {
                "active_seconds": "9",
                **{f"{at}-{field}": str(at) for at in range(1, 5) for field in ("rank", "quality")},
            },
        )
        assert after["Location"] == reverse("overview")  # whatever it was, nothing is said of it
        browser.get(after["Location"])  # which says that it was saved
    pages = {name: without_content(html) for name, (html, _, _) in seen.items()}
    for name, html in pages.items():
        assert html.splitlines() == pages["ordinary"].splitlines(), name
    assert "Answer number" in seen["gold"][0]
    assert len({(claim, page) for _, claim, page in seen.values()}) == 1, seen


def test_a_page_that_does_differ_would_be_seen() -> None:
    campaign, alice = make_campaign(), make_labeler()
    browser = browser_of(alice)
    ordinary(campaign, alice)
    one = without_content(claimed_page(browser)[0])
    rank(alice, [1, 2, 3, 4])
    campaign.ask_strength = True
    campaign.save()
    ordinary(campaign, alice)
    assert without_content(claimed_page(browser)[0]) != one


def test_the_order_in_which_a_repeat_is_shown_is_drawn_anew() -> None:
    """Of 24 orders twelve draws are not all the first one's, nor are all copies shown alike."""
    campaign, alice = make_campaign(), make_labeler()
    make_ready_task(make_prompt(campaign), texts=TEXTS)
    first = rank(alice, [1, 2, 3, 4])
    orders = set()
    for number in range(12):
        labeler = make_labeler(f"labeler-{number}")
        copy = copy_task(task=first.task, labeler=labeler)
        held = claim_ranking(labeler=labeler)
        assert held is not None
        text_of = dict(copy.completions.values_list("pk", "text"))
        orders.add(tuple(text_of[pk] for pk in held.shown_order))
    assert len(orders) > 3
