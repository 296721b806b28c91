"""From one ranking to the next: what comes with the answer, what was made ready before, and how it is found."""

import json
import re
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from django.db import connection, transaction
from django.template import Context, Engine, Template, TemplateSyntaxError
from django.test import Client
from django.utils import translation
from django.utils.datastructures import MultiValueDict

from labeling.base.fast_paths.laid_in_texts import mark_of
from labeling.base.markdown import RENDERER
from labeling.base.states import TaskState
from labeling.desk.queries.work import own_assignment
from labeling.desk.ranking.forms import LONGEST_UNFOLDED, RankingForm
from labeling.desk.ranking.queries import ranking_page
from labeling.desk.ranking.views import Card, card_html, cards_of
from labeling.desk.services.assignments import claim_ranking
from labeling.desk.services.next_task import claim_next_task
from labeling.models import Assignment, Labeler, RankingTask, RenderedCompletion
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task, ranking_form_data
from tests.labeling.markup import compact

pytestmark = pytest.mark.django_db

Row = TypeVar("Row", RankingTask, Assignment)
FORM_DATA = ranking_form_data([1, 2, 3, 4])


def make_tasks(number: int) -> None:
    campaign = make_campaign()
    for _ in range(number):
        make_ready_task(make_prompt(campaign))


def start(client: Client) -> str:
    return str(client.post("/next/ranking/")["Location"])


class TestTheAnswerToASubmission:
    def test_is_the_next_page_itself_for_a_page_that_shows_it_in_its_place(self, client: Client) -> None:
        make_tasks(2)
        first = start(client)
        answer = client.post(f"{first}submit/?next=here", FORM_DATA)
        following = answer["Content-Location"]
        html = answer.content.decode()
        assert answer.status_code == 200
        assert following != first
        assert f'action="{following}submit/"' in html
        assert "Ranking saved · 1 today" in html
        assert html.count('data-card="') == 4
        assert "no-store" in answer["Cache-Control"]

    def test_is_the_page_that_a_reload_shows(self, client: Client) -> None:
        make_tasks(2)
        answer = client.post(f"{start(client)}submit/?next=here", FORM_DATA)
        again = client.get(answer["Content-Location"])
        assert _without_what_changes(answer.content.decode()) == _without_what_changes(again.content.decode())

    def test_is_an_address_without_scripts(self, client: Client) -> None:
        make_tasks(2)
        answer = client.post(f"{start(client)}submit/", FORM_DATA)
        assert answer.status_code == 302
        assert client.get(answer["Location"]).status_code == 200

    def test_is_the_overview_when_nothing_is_left(self, client: Client) -> None:
        make_tasks(1)
        answer = client.post(f"{start(client)}submit/?next=here", FORM_DATA)
        assert (answer.status_code, answer["Content-Location"]) == (204, "/")

    def test_sent_again_hands_nothing_in_twice_and_takes_no_second_task(self, client: Client, alice: Labeler) -> None:
        make_tasks(3)
        first = start(client)
        client.post(f"{first}submit/?next=here", FORM_DATA)
        again = client.post(f"{first}submit/?next=here", FORM_DATA)
        assert again["Content-Location"] == f"/history/{first.split('/')[2]}/"
        assert alice.rankings.count() == 1
        assert sum(RankingTask.objects.values_list("rankings_open", flat=True)) == 1

    def test_what_is_said_once_is_said_on_the_page_that_it_leads_to(self, client: Client) -> None:
        make_tasks(1)
        answer = client.post(f"{start(client)}submit/?next=here", FORM_DATA)
        assert "Ranking saved · 1 today" in client.get(answer["Content-Location"]).content.decode()

    def test_skipping_is_answered_alike(self, client: Client) -> None:
        make_tasks(2)
        answer = client.post(f"{start(client)}skip/?next=here", {"skip_reason": "unclear"})
        assert answer.status_code == 200
        assert "Skipped." in answer.content.decode()


def _without_what_changes(html: str) -> str:
    html = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", html)
    return re.sub(r'<div class="messages".*?</div>', "", html, flags=re.DOTALL)


class TestRenderedAhead:
    def test_a_task_becomes_ready_with_its_html(self, client: Client) -> None:
        make_ready_task(make_prompt(make_campaign()), texts=["*one*", "two", "three", "four"])
        assert "<em>one</em>" in RenderedCompletion.objects.get(completion__text="*one*").html
        RenderedCompletion.objects.filter(completion__text="two").update(html="<p>made before</p>")
        assert "<p>made before</p>" in client.get(start(client)).content.decode()

    @pytest.mark.parametrize("lost", [True, False])
    def test_html_of_another_renderer_or_none_is_made_anew(self, client: Client, lost: bool) -> None:
        make_tasks(1)
        if lost:
            RenderedCompletion.objects.all().delete()
        else:
            RenderedCompletion.objects.update(renderer="an earlier one", html="<p>stale</p>")
        html = client.get(start(client)).content.decode()
        assert "Answer number 1" in html
        assert "stale" not in html

    def test_the_renderer_has_a_name_that_fits_its_column(self) -> None:
        assert len(RENDERER) == RenderedCompletion._meta.get_field("renderer").max_length


class TestBlankCards:
    TEXTS = ["*one*", mark_of("html") + " {{ card }} <b>", "long " * LONGEST_UNFOLDED, "longer " * LONGEST_UNFOLDED]

    def cards(self, alice: Labeler, form_data: dict[str, str] | None = None) -> list[Card]:
        make_ready_task(make_prompt(make_campaign()), texts=self.TEXTS)
        held = claim_ranking(labeler=alice)
        assert held is not None
        page = ranking_page(own_assignment(alice, str(held.token)), interface_language="en")
        data = MultiValueDict({name: [value] for name, value in (form_data or {}).items()})
        keys = [flag.key for flag in page.flags]
        return cards_of(page, RankingForm(data, k=len(page.completions), flag_keys=keys))

    @pytest.mark.parametrize("language", ["en", "zh-hans"])
    def test_filled_cached_cards_are_what_the_template_draws(self, alice: Labeler, language: str) -> None:
        with translation.override(language):
            for card in self.cards(alice):
                drawn = card_html(replace(card, checked=True), language="en")  # never from the cache
                assert card_html(card, language="en") == drawn.replace(" is-missing", "")

    def test_what_was_entered_is_drawn_into_no_cached_card(self, alice: Labeler, bob: Labeler) -> None:
        cards = self.cards(alice, {"1-quality": "6", "2-note": "Mine alone."})
        assert 'name="1-quality" value="6" checked' in compact(card_html(cards[0], language="en"))
        assert "Mine alone." in card_html(cards[1], language="en")
        blank = self.cards(bob)
        assert not any("checked" in card_html(card, language="en") for card in blank)
        assert not any("Mine alone." in card_html(card, language="en") for card in blank)


def including(tag: str, included: str) -> Template:
    """A template with that tag, which includes "part.html"."""
    libraries = {"cached_include": "labeling.base.fast_paths.cached_include", "i18n": "django.templatetags.i18n"}
    loader = ("django.template.loaders.locmem.Loader", {"part.html": included})
    return Engine(libraries=libraries, loaders=[loader]).from_string("{% load cached_include %}" + tag)


class TestCachedInclude:
    def test_it_knows_what_is_named_and_nothing_else(self) -> None:
        drawn = including('{% cached_include "part.html" k=k %}', "{{ k }}{{ user }}{{ request }}")
        assert [drawn.render(Context({"k": k, "user": "alice", "request": "hers"})) for k in (4, 7, 4)] == [
            "4",
            "7",
            "4",
        ]

    def test_each_language_has_its_own(self) -> None:
        drawn = including('{% cached_include "part.html" %}', "{% load i18n %}{% translate 'History' %}")
        with translation.override("zh-hans"):
            chinese = drawn.render(Context())
        assert drawn.render(Context()) == "History" != chinese

    @pytest.mark.parametrize("tag", ['{% cached_include "part.html" k %}', "{% cached_include %}"])
    def test_what_has_no_name_is_refused(self, tag: str) -> None:
        with pytest.raises(TemplateSyntaxError, match=r"takes (name=value only|the name)"):
            including(tag, "")


class TestFindingIt:
    def test_finished_tasks_and_past_rankings_are_not_read(self, alice: Labeler) -> None:
        """The plan itself, on 400 finished tasks that alice has ranked: rows read may not grow with any of them."""
        make_tasks(1)
        task = RankingTask.objects.get()
        campaign = task.campaign
        held = claim_ranking(labeler=alice)
        assert held is not None
        _many_finished(task, held, 400)
        make_ready_task(make_prompt(campaign))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE labeling_rankingtask, labeling_assignment")
        plans = _plans_of(lambda: claim_next_task(alice))
        nodes = [node for plan in plans for node in _nodes(plan)]
        assert "task_claimable" in {node.get("Index Name") for node in nodes}
        read = sum(
            node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
            for node in nodes
            if "Scan" in node["Node Type"]
            and node.get("Relation Name") in ("labeling_rankingtask", "labeling_assignment")
        )
        assert read < 20


def _plans_of(work: Callable[[], object]) -> list[dict[str, Any]]:
    """What PostgreSQL did, inside functions too, as EXPLAIN (ANALYZE) says it."""
    options = {"log_nested_statements": "on", "log_min_duration": "0", "log_analyze": "on", "log_format": "json"}
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("LOAD 'auto_explain'")
        for name, value in options.items():
            cursor.execute(f"SET LOCAL auto_explain.{name} = {value}")
        cursor.execute("SET LOCAL client_min_messages = log")
        said = connection.connection.notices
        said.clear()
        work()
        plans = [json.loads(notice.partition("plan:")[2]) for notice in said if "plan:" in notice]
    return [plan["Plan"] for plan in plans]


def _many_finished(task: RankingTask, held: Assignment, number: int) -> None:
    """Copies of a task and of its assignment, all done: a past that services would need minutes for."""
    tasks = RankingTask.objects.bulk_create(
        _copy(task, state=TaskState.DONE, rankings_open=0, rankings_done=1) for _ in range(number)
    )
    Assignment.objects.filter(pk=held.pk).update(state="submitted", closed_at=held.claimed_at)
    RankingTask.objects.filter(pk=task.pk).update(state=TaskState.DONE, rankings_open=0, rankings_done=1)
    held.refresh_from_db()
    Assignment.objects.bulk_create(
        _copy(held, task=each, token=f"00000000-0000-4000-8000-{number:012d}") for number, each in enumerate(tasks)
    )


def _copy(row: Row, **changes: object) -> Row:
    copied = copy(row)
    copied.pk = None
    for name, value in changes.items():
        setattr(copied, name, value)
    return copied


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in _nodes(child))]
