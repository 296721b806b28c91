"""No page grows a query with completions, tasks or past work; and what is counted as available can be claimed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from labeling.base.states import AssignmentKind, CampaignState
from labeling.desk.queries.available import available_by_campaign
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.models import Labeler
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task, ranking_form_data

pytestmark = pytest.mark.django_db

Counted = Callable[..., Any]  # pytest-django's django_assert_num_queries


def rank(labeler: Labeler, times: int) -> None:
    campaign = make_campaign()
    for _ in range(times):
        make_ready_task(make_prompt(campaign))
        held = claim_ranking(labeler=labeler)
        assert held is not None
        judgements = [Judgement(shown_position=position, rank=position) for position in range(1, 5)]
        submit_ranking(labeler=labeler, token=str(held.token), judgements=judgements, active_seconds=1)


def a_ranking(k: int, *, tasks: int, past: int, labeler: Labeler, client: Client) -> str:
    """The address of a ranking in hand, which was looked at, so that this process has read what it reads once."""
    rank(labeler, past)
    campaign = make_campaign()
    for _ in range(tasks):
        make_ready_task(make_prompt(campaign), k=k)
    address = str(client.post("/next/ranking/")["Location"])
    client.get(address)
    return address


@pytest.mark.parametrize(("k", "tasks", "past"), [(4, 2, 0), (9, 2, 0), (4, 60, 0), (4, 2, 60)])
class TestAroundARanking:
    """With K, with tasks that wait, with rankings done: always as many."""

    @pytest.fixture
    def address(self, k: int, tasks: int, past: int, alice: Labeler, client: Client) -> str:
        return a_ranking(k, tasks=tasks, past=past, labeler=alice, client=client)

    def test_its_page(self, address: str, client: Client, django_assert_num_queries: Counted) -> None:
        with django_assert_num_queries(4):  # session, user with labeler, the work with its prompt, its completions
            assert client.get(address).status_code == 200

    def test_handing_it_in_and_seeing_the_next(
        self, address: str, k: int, client: Client, django_assert_num_queries: Counted
    ) -> None:
        form_data = ranking_form_data(range(1, k + 1))
        # Two are for the time at work; 4 are savepoints, for the test itself is a transaction.
        with django_assert_num_queries(16):
            assert client.post(f"{address}submit/?next=here", form_data).status_code == 200

    def test_handing_it_in_and_being_sent_on(
        self, address: str, k: int, client: Client, django_assert_num_queries: Counted
    ) -> None:
        with django_assert_num_queries(15):
            assert client.post(f"{address}submit/", ranking_form_data(range(1, k + 1))).status_code == 302

    def test_saving_a_draft(self, address: str, client: Client, django_assert_num_queries: Counted) -> None:
        body = {"draft": {"1-quality": ["5"]}, "base_version": 0}
        with django_assert_num_queries(6):
            assert client.put(f"{address}draft/", body, content_type="application/json").status_code == 200


@pytest.mark.parametrize("number", [1, 12])
def test_the_overview(number: int, client: Client, alice: Labeler, django_assert_num_queries: Counted) -> None:
    rank(alice, number)
    for _ in range(number):
        campaign = make_campaign()
        make_ready_task(make_prompt(campaign))
    client.post("/next/ranking/")
    with django_assert_num_queries(11):  # one of them for a survey that is open, one for what a reviewer returned
        assert client.get("/").status_code == 200


@pytest.mark.parametrize("number", [1, 12])
def test_the_history(number: int, client: Client, alice: Labeler, django_assert_num_queries: Counted) -> None:
    rank(alice, number)
    with django_assert_num_queries(9):  # two of them for what can be searched
        assert client.get("/history/").status_code == 200


@pytest.mark.parametrize("k", [4, 9])
def test_a_past_ranking(k: int, client: Client, django_assert_num_queries: Counted) -> None:
    make_ready_task(make_prompt(make_campaign()), k=k)
    address = client.post("/next/ranking/")["Location"]
    client.post(f"{address}submit/", ranking_form_data(range(1, k + 1)))
    token = address.split("/")[2]
    client.get(f"/history/{token}/")  # takes the message away that handing in left
    with django_assert_num_queries(9):
        assert client.get(f"/history/{token}/").status_code == 200


@pytest.mark.parametrize("number", [1, 12])
def test_the_queue_page(number: int, client: Client, django_assert_num_queries: Counted) -> None:
    for _ in range(number):
        make_ready_task(make_prompt(make_campaign()))
    with django_assert_num_queries(4):
        assert client.get("/next/ranking/").status_code == 200


@pytest.mark.parametrize("kind", list(AssignmentKind))
def test_what_is_counted_as_available_is_what_can_be_claimed(
    alice: Labeler, kind: AssignmentKind, bob: Labeler
) -> None:
    campaign = make_campaign()
    for language in ("en", "zh", "de"):
        make_ready_task(make_prompt(campaign, language=language))
    make_ready_task(make_prompt(make_campaign(state=CampaignState.PAUSED)))
    claim = claim_ranking if kind == AssignmentKind.RANKING else claim_demonstration
    held = claim(labeler=bob)
    assert held is not None
    count = sum(available_by_campaign(alice, kind).values())
    claimed = 0
    while (work := claim(labeler=alice)) is not None:
        claimed += 1
        type(work).objects.filter(pk=work.pk).update(state="skipped", skip_reason="unclear", closed_at=work.claimed_at)
    assert count == claimed > 0
