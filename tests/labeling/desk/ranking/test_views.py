"""Ranking in the browser: blind, complete, ties allowed, and nothing that was entered is lost."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from labeling.models import Assignment, Completion, Labeler, ModelVersion, RankingTask
from labeling.ranking_tasks.services.sampling import one_source, sample_tasks
from labeling.ranking_tasks.services.tasks import top_up
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task, ranking_form_data
from tests.labeling.markup import compact
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db

TEXTS = ["The *first* answer.", "The second answer.", "The third answer.", "The fourth answer."]


@pytest.fixture
def task() -> RankingTask:
    return make_ready_task(make_prompt(make_campaign(name="Everyday"), text="Which is best?"), texts=TEXTS)


def claim(client: Client) -> Assignment:
    page = client.post("/next/ranking/")
    return Assignment.objects.get(token=page["Location"].split("/")[2])


def test_claiming_leads_to_a_page_with_the_prompt_and_every_completion_in_the_shown_order(
    client: Client, task: RankingTask
) -> None:
    held = claim(client)
    html = client.get(f"/work/{held.token}/").content.decode()
    assert "Which is best?" in html
    shown = [task.completions.get(pk=pk).text.replace("*first*", "<em>first</em>") for pk in held.shown_order]
    places = [html.index(text) for text in shown]
    assert places == sorted(places)
    assert [html.count(f'data-card="{letter}"') for letter in "ABCDE"] == [1, 1, 1, 1, 0]


def test_the_page_is_blind(client: Client, task: RankingTask) -> None:
    html = client.get(f"/work/{claim(client).token}/").content.decode()
    assert "secret-model" not in html
    assert not re.search(r"token[_ ]count|logprob|completion[_-]id", html)
    names = set(re.findall(r'name="([^"]+)"', html))
    positions = {name.partition("-")[0] for name in names if re.match(r"\d", name)}
    assert positions == {"1", "2", "3", "4"}


def test_the_page_does_not_say_how_long_a_model_took(client: Client) -> None:
    campaign = make_campaign(k_min=4, k_max=4)
    make_prompt(campaign)
    model = ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")
    task_ids = top_up(campaign=campaign)
    sample_tasks(task_ids=task_ids, sources=one_source(model, ScriptedSampler(*TEXTS)), resample_limit=0)
    assert set(Completion.objects.values_list("seconds", flat=True)) == {76.543}
    html = client.get(f"/work/{claim(client).token}/").content.decode()
    assert "The second answer." in html
    assert not re.search(r"76[.,]5|first.token", html)


def test_no_completion_id_reaches_the_page(client: Client) -> None:
    with connection.cursor() as cursor:  # numbers that no page has by chance
        cursor.execute("SELECT setval(pg_get_serial_sequence('labeling_completion', 'id'), 1000000007)")
    make_ready_task(make_prompt(make_campaign()), texts=TEXTS)
    held = claim(client)
    assert min(held.shown_order) > 1_000_000_007
    html = client.get(f"/work/{held.token}/").content.decode()
    assert not any(str(number) in html for number in held.shown_order)


def test_an_untouched_page_has_nothing_chosen_and_is_not_taken(client: Client, task: RankingTask) -> None:
    held = claim(client)
    assert " checked" not in client.get(f"/work/{held.token}/").content.decode()
    page = client.post(f"/work/{held.token}/submit/", {"active_seconds": "3"})
    assert page.status_code == 422
    html = page.content.decode()
    assert "Still without a rating:" in html
    assert "Still without a rank:" in html
    assert 'href="#card-4-rank"' in html
    assert 'id="card-4-rank"' in html
    assert not task.rankings.exists()


def test_what_was_entered_stays_when_something_is_missing(client: Client, task: RankingTask) -> None:
    held = claim(client)
    form_data = ranking_form_data(
        [1, 1, 3, 2], **{"3-rank": None, "2-flags": ["hallucination"], "2-note": "Made up.", "note": "Close."}
    )
    page = client.post(f"/work/{held.token}/submit/", form_data)
    assert page.status_code == 422
    for html in (compact(page.content.decode()), compact(client.get(f"/work/{held.token}/").content.decode())):
        assert 'name="1-rank" value="1" checked' in html
        assert 'name="2-flags" value="hallucination" checked' in html
        assert "Made up." in html
        assert "Close." in html
    assert re.findall(r'<a href="#card-(\d)-rank">', compact(page.content.decode())) == ["3"]
    held.refresh_from_db()
    assert held.draft["2-note"] == ["Made up."]


def test_a_complete_ranking_is_kept_with_ties_flags_notes_and_the_shown_order(
    client: Client, task: RankingTask, alice: Labeler
) -> None:
    held = claim(client)
    form_data = ranking_form_data(
        [2, 2, 4, 1], **{"1-flags": ["fails_task", "hallucination"], "4-note": "Best\r\nby far.", "note": "Easy."}
    )
    answer = client.post(f"/work/{held.token}/submit/", form_data, follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert "Ranking saved · 1 today" in answer.content.decode()
    ranking = task.rankings.get(labeler=alice)
    by_position = {ranked.shown_position: ranked for ranked in ranking.ranked_completions.all()}
    assert {position: ranked.rank for position, ranked in by_position.items()} == {1: 2, 2: 2, 3: 3, 4: 1}
    assert [by_position[position].completion_id for position in (1, 2, 3, 4)] == held.shown_order
    assert by_position[1].flags == ["fails_task", "hallucination"]
    assert by_position[4].note == "Best\nby far."
    assert ranking.note == "Easy."


def test_time_at_work_is_never_longer_than_the_time_since_claiming(client: Client, task: RankingTask) -> None:
    held = claim(client)
    client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 2, 3, 4], active_seconds="86400"))
    assert task.rankings.get().active_seconds < 60


@pytest.mark.parametrize("measured", ["", "nan", "inf", "-5", "soon"])
def test_time_that_can_not_be_read_keeps_nobody_from_handing_in(
    client: Client, task: RankingTask, measured: str
) -> None:
    held = claim(client)
    client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 2, 3, 4], active_seconds=measured))
    assert task.rankings.get().active_seconds == 0


def test_the_next_ranking_follows_at_once(client: Client, task: RankingTask) -> None:
    make_ready_task(make_prompt(task.campaign, text="And which of these?"))
    held = claim(client)
    answer = client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 2, 3, 4]), follow=True)
    html = answer.content.decode()
    assert answer.redirect_chain[0][0].startswith("/work/")
    assert "And which of these?" in html
    assert "Ranking saved · 1 today" in html
    assert f'data-handed-in="revisable handed-in {held.token}"' in html


@pytest.mark.parametrize(
    "changes",
    [
        {"1-rank": "0"},
        {"1-rank": "5"},
        {"1-rank": "first"},
        {"1-quality": "8"},
        {"1-flags": ["no_such_flag"]},
        {"1-note": "nothing\0here"},
        {"1-note": "x" * 10_001},
        {"note": "x" * 10_001},
    ],
)
def test_what_makes_no_ranking_is_refused_in_words(client: Client, task: RankingTask, changes: dict[str, Any]) -> None:
    held = claim(client)
    page = client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 2, 3, 4], **changes))
    assert page.status_code == 422
    assert "Not submitted yet" in page.content.decode()
    assert not task.rankings.exists()
    assert client.get(f"/work/{held.token}/").status_code == 200


def test_html_in_prompts_and_completions_is_shown_and_does_nothing(client: Client) -> None:
    prompt = make_prompt(make_campaign(), text="<img src=x onerror=alert(1)> What is this?")
    texts = [
        "<script>alert('one')</script>",
        "[click](javascript:alert(2)) and ![pixel](https://evil.example/p.png)",
        '<a href="#" onclick="alert(3)">three</a>',
        "[four](https://example.org)",
    ]
    make_ready_task(prompt, texts=texts)
    html = client.get(f"/work/{claim(client).token}/").content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    assert "<img" not in html
    assert "javascript:" not in re.sub(r">[^<]*<", "><", html)
    assert '<a href="#" onclick' not in html
    assert 'href="https://example.org" target="_blank" rel="noopener noreferrer nofollow"' in html


def test_a_draft_of_an_odd_shape_does_not_break_the_page(client: Client, task: RankingTask) -> None:
    held = claim(client)
    held.draft = {"1-rank": "2", "text": {"a": 1}, "note": None, "2-quality": [5, "6"]}
    held.save()
    html = compact(client.get(f"/work/{held.token}/").content.decode())
    assert 'name="1-rank" value="2" checked' in html
    assert 'name="2-quality" value="6" checked' in html


@pytest.mark.parametrize("k", [4, 9])
def test_each_completion_has_a_rank_for_every_place(client: Client, k: int) -> None:
    make_ready_task(make_prompt(make_campaign()), k=k)
    html = compact(client.get(f"/work/{claim(client).token}/").content.decode())
    assert html.count('-rank" value="') == k * k
    assert html.count('-quality" value="') == k * 7


def test_none_is_acceptable_is_kept_and_shown(client: Client, task: RankingTask) -> None:
    held = claim(client)
    client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 2, 3, 4], none_acceptable="on"))
    assert task.rankings.get().none_acceptable
    assert "None of them is acceptable as it is." in client.get(f"/history/{held.token}/").content.decode()


def test_without_the_answer_some_are_acceptable_and_no_strength_is_kept(client: Client, task: RankingTask) -> None:
    held = claim(client)
    assert "strength-1" not in client.get(f"/work/{held.token}/").content.decode()
    client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 2, 3, 4]))
    ranking = task.rankings.get()
    assert (ranking.none_acceptable, ranking.strengths) == (False, None)
    assert "None of them" not in client.get(f"/history/{held.token}/").content.decode()


class TestWhereTheCampaignAsksHowMuchBetter:
    @pytest.fixture(autouse=True)
    def task(self) -> RankingTask:
        return make_ready_task(make_prompt(make_campaign(ask_strength=True)), texts=TEXTS)

    def test_each_step_between_ranks_is_kept_best_first(self, client: Client, task: RankingTask) -> None:
        held = claim(client)
        answers = {"strength-1": "4", "strength-2": "1"}
        client.post(f"/work/{held.token}/submit/", ranking_form_data([5 - 4, 2, 4, 2], **answers))
        assert task.rankings.get().strengths == [4, 1]
        history = client.get(f"/history/{held.token}/").content.decode()
        assert "Significantly better than the next" in history
        assert "Negligibly better or unsure than the next" in history

    def test_a_step_without_an_answer_is_asked_for_and_the_rest_stays(self, client: Client, task: RankingTask) -> None:
        held = claim(client)
        form_data = ranking_form_data([1, 2, 3, 3], **{"strength-1": "3"})
        page = client.post(f"/work/{held.token}/submit/", form_data)
        assert page.status_code == 422
        html = compact(page.content.decode())
        assert "Say how much better rank 2 is than rank 3." in html
        assert "better rank 3 is" not in html
        assert 'href="#strength-2"' in html
        assert 'name="strength-1" value="3" checked' in html

    def test_a_step_after_the_last_rank_is_refused_in_words(self, client: Client, task: RankingTask) -> None:
        held = claim(client)
        page = client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 1, 1, 1], **{"strength-1": "2"}))
        assert "There is no rank 2 for rank 1 to be better than." in page.content.decode()
        assert not task.rankings.exists()

    def test_a_tie_of_all_has_no_steps(self, client: Client, task: RankingTask) -> None:
        held = claim(client)
        client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 1, 1, 1]))
        assert task.rankings.get().strengths == []

    def test_what_is_no_strength_is_refused(self, client: Client, task: RankingTask) -> None:
        held = claim(client)
        answers = {"strength-1": "5", "strength-2": "x", "strength-3": "1"}
        assert client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 2, 3, 4], **answers)).status_code == 422
        assert not task.rankings.exists()


def test_hidden_characters_are_there_to_see_in_both_views(client: Client) -> None:
    texts = ["safe\u202etxt.exe", "bell\x07 and \x1b[31mred", "zero\u200bwidth", "plain"]
    make_ready_task(make_prompt(make_campaign(), text="What is \u2066this\u2069?"), texts=texts)
    html = client.get(f"/work/{claim(client).token}/").content.decode()
    for name in ("RLO", "U+0007", "U+001B", "ZWSP"):
        assert html.count(f"⟨{name}⟩") == 2, name
    assert 'title="U+202E RIGHT-TO-LEFT OVERRIDE"' in html
    assert "⟨LRI⟩" in html
    assert not set(html) & set("\u202e\x07\x1b\u200b\u2066\u2069")


def test_a_browser_gets_the_page_compressed(client: Client) -> None:
    make_ready_task(make_prompt(make_campaign()), k=9)
    address = f"/work/{claim(client).token}/"
    plain = client.get(address)
    packed = client.get(address, headers={"accept-encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip"
    assert len(packed.content) * 3 < len(plain.content)
