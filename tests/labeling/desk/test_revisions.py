"""Going back to what was handed in: revised as a further revision, kept as it was, or refused with everything kept."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.base.states import CampaignState, LabelerState, RevisionState
from labeling.campaigns.services.campaigns import change_campaign_state, publish_instructions, publish_rubric
from labeling.desk.queries.work import done_today
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.desk.services.leases import close_campaign
from labeling.desk.services.revisions import REVISABLE
from labeling.models import Assignment, Demonstration, EarlierDraft, Labeler, Ranking, RankingTask, Revision
from labeling.ranking_tasks.services.setting_aside import set_prompt_aside, set_task_aside
from labeling.ranking_tasks.services.tasks import ask_for_another_ranking
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task, ranking_form_data
from tests.labeling.markup import compact

pytestmark = pytest.mark.django_db

FLAGGED = {"2-flags": ["fails_task"], "2-note": "Fine.", "note": "Fishy."}


@pytest.fixture
def ranked(client: Client, alice: Labeler) -> Assignment:
    make_ready_task(make_prompt(make_campaign()))
    held = claim_ranking(labeler=alice)
    assert held is not None
    client.post(f"/work/{held.token}/submit/", ranking_form_data([2, 1, 1, 3], **FLAGGED))
    return Assignment.objects.get(pk=held.pk)


@pytest.fixture
def written(client: Client, alice: Labeler) -> Assignment:
    make_prompt(make_campaign(ranking_tasks_per_prompt=0), text="What is tea?")
    held = claim_demonstration(labeler=alice)
    assert held is not None
    client.post(f"/work/{held.token}/submit/", {"text": "A leaf.", "active_seconds": "0.01"})
    return Assignment.objects.get(pk=held.pk)


def open_again(client: Client, assignment: Assignment) -> str:
    """The address of the revision."""
    answer = client.post(f"/history/{assignment.token}/revise/")
    assert answer.status_code == 302
    return str(answer["Location"])


def save(client: Client, address: str, text: str, base_version: int = 0) -> Any:
    body = {"draft": {"text": [text]}, "base_version": base_version}
    return client.put(f"{address}draft/", body, "application/json")


def revisions_of(assignment: Assignment) -> list[str]:
    return list(Demonstration.objects.filter(assignment=assignment).order_by("revision").values_list("text", flat=True))


class TestRevisingARanking:
    def test_the_page_is_filled_with_what_was_handed_in(self, client: Client, ranked: Assignment) -> None:
        html = compact(client.get(open_again(client, ranked)).content.decode())
        assert "You are revising your submission" in html
        assert "Fishy." in html
        assert "Fine." in html
        for name, value in (("1-rank", 2), ("2-rank", 1), ("3-rank", 1), ("4-rank", 3), ("2-quality", 7)):
            field = next(part for part in html.split("<input") if f'name="{name}" value="{value}"' in part)
            assert "checked" in field.partition(">")[0], name
        assert "secret-model" not in html

    def test_the_revision_is_a_further_row_and_the_first_stays(self, client: Client, ranked: Assignment) -> None:
        address = open_again(client, ranked)
        answer = client.post(f"{address}submit/", ranking_form_data([1, 2, 3, 4], note="Second thoughts."), follow=True)
        first, second = Ranking.objects.order_by("revision")
        assert (first.revision, first.note) == (1, "Fishy.")
        assert (second.revision, second.note) == (2, "Second thoughts.")
        assert second.assignment == first.assignment
        assert [each.rank for each in second.ranked_completions.order_by("shown_position")] == [1, 2, 3, 4]
        html = answer.content.decode()
        assert "Revision saved" in html
        assert "Second thoughts." in html
        assert f'href="/history/{ranked.token}/1/"' in html

    def test_it_keeps_the_instructions_and_the_rubric_of_the_original(self, client: Client, ranked: Assignment) -> None:
        publish_instructions(campaign=ranked.campaign, body={"en": "All new."})
        publish_rubric(campaign=ranked.campaign, flags=[])
        client.post(f"{open_again(client, ranked)}submit/", ranking_form_data([1, 2, 3, 4], **FLAGGED))
        first, second = Ranking.objects.order_by("revision")
        assert second.instruction_version == first.instruction_version
        assert second.rubric_version == first.rubric_version
        assert second.ranked_completions.get(shown_position=2).flags == ["fails_task"]

    def test_what_is_incomplete_is_not_taken_and_not_lost(self, client: Client, ranked: Assignment) -> None:
        address = open_again(client, ranked)
        form_data = ranking_form_data([1, 2, 3, 4], note="Half way.", **{"3-rank": None})
        answer = client.post(f"{address}submit/", form_data)
        assert answer.status_code == 422
        assert "Still without a rank" in answer.content.decode()
        assert Ranking.objects.count() == 1
        assert "Half way." in client.get(address).content.decode()

    def test_its_active_seconds_are_its_own(self, client: Client, ranked: Assignment) -> None:
        address = open_again(client, ranked)
        Revision.objects.update(started_at=timezone.now() - timedelta(seconds=30))
        client.post(f"{address}submit/", ranking_form_data([1, 2, 3, 4], active_seconds="12.5"))
        assert Ranking.objects.get(revision=2).active_seconds == 12.5

    def test_nobody_is_active_longer_than_the_revision_was_open(self, client: Client, ranked: Assignment) -> None:
        client.post(f"{open_again(client, ranked)}submit/", ranking_form_data([1, 2, 3, 4], active_seconds="9000"))
        assert Ranking.objects.get(revision=2).active_seconds < 60

    def test_it_is_no_new_work(self, client: Client, alice: Labeler, ranked: Assignment) -> None:
        before = RankingTask.objects.values("rankings_open", "rankings_done", "state").get()
        client.post(f"{open_again(client, ranked)}submit/", ranking_form_data([1, 2, 3, 4]))
        assert RankingTask.objects.values("rankings_open", "rankings_done", "state").get() == before
        assert done_today(alice, "ranking") == 1
        assert Assignment.objects.get(pk=ranked.pk).closed_at == ranked.closed_at


class TestTheRevisionsDraft:
    def test_it_is_saved_and_touches_nothing_that_was_handed_in(self, client: Client, written: Assignment) -> None:
        address = open_again(client, written)
        assert save(client, address, "A leaf, dried.").json()["version"] == 1
        assert "A leaf, dried." in client.get(address).content.decode()
        assert revisions_of(written) == ["A leaf."]
        assert Assignment.objects.get(pk=written.pk).draft == written.draft

    def test_two_tabs_are_told_apart(self, client: Client, written: Assignment) -> None:
        address = open_again(client, written)
        save(client, address, "First tab.")
        answer = save(client, address, "Second tab.")
        assert (answer.status_code, answer.json()) == (
            409,
            {"version": 1, "draft": {"text": ["First tab."]}, "page": ""},
        )

    def test_opening_it_again_finds_it(self, client: Client, written: Assignment) -> None:
        address = open_again(client, written)
        save(client, address, "A leaf, dried.")
        assert open_again(client, written) == address
        assert f'href="{address}"' in client.get(f"/history/{written.token}/").content.decode()

    def test_earlier_versions_can_be_gone_back_to(self, client: Client, written: Assignment) -> None:
        address = open_again(client, written)
        token = address.split("/")[2]
        save(client, address, "A leaf that was dried for long, and then was poured over with water.")
        save(client, address, "", base_version=1)
        kept = EarlierDraft.objects.get(token=token)
        answer = client.post(f"/drafts/{token}/{kept.pk}/restore/", follow=True)
        assert answer.redirect_chain == [(address, 302)]
        assert "dried for long" in answer.content.decode()

    def test_what_only_the_browser_holds_is_led_to_the_revision(self, client: Client, written: Assignment) -> None:
        address = open_again(client, written)
        assert client.get(f"/drafts/{address.split('/')[2]}/page/")["Location"] == address
        assert f'data-finished="{written.token}"' in client.get(f"/drafts/{written.token}/page/").content.decode()

    def test_logging_in_again_leads_back_to_it(self, client: Client, written: Assignment) -> None:
        address = open_again(client, written)
        for button in ("", "submit/"):
            answer = Client().post(f"{address}{button}") if button else Client().get(address)
            assert answer["Location"].endswith(f"next={address}")

    def test_once_it_is_closed_it_takes_no_draft(self, client: Client, written: Assignment) -> None:
        address = open_again(client, written)
        client.post(f"{address}discard/")
        answer = save(client, address, "Too late.")
        assert (answer.status_code, answer.json()) == (410, {"state": "discarded"})


class TestKeepingItAsItWas:
    def test_the_changes_are_dropped(self, client: Client, written: Assignment) -> None:
        address = open_again(client, written)
        save(client, address, "Never mind.")
        answer = client.post(f"{address}discard/", follow=True)
        assert answer.redirect_chain == [(f"/history/{written.token}/", 302)]
        assert "Kept as it was." in answer.content.decode()
        assert revisions_of(written) == ["A leaf."]
        assert "Never mind." not in client.get(open_again(client, written)).content.decode()

    def test_handing_in_without_a_change_stores_nothing_and_says_so(self, client: Client, written: Assignment) -> None:
        answer = client.post(f"{open_again(client, written)}submit/", {"text": "A leaf."}, follow=True)
        assert "Nothing was changed" in answer.content.decode()
        assert revisions_of(written) == ["A leaf."]
        assert Revision.objects.get().state == RevisionState.KEPT

    def test_a_ranking_without_a_change_is_not_stored_again(self, client: Client, ranked: Assignment) -> None:
        form_data = ranking_form_data([2, 1, 1, 3], active_seconds="99", **FLAGGED)
        answer = client.post(f"{open_again(client, ranked)}submit/", form_data, follow=True)
        assert "Nothing was changed" in answer.content.decode()
        assert Ranking.objects.count() == 1

    @pytest.mark.parametrize(
        "change", [{"note": "Else."}, {"2-note": ""}, {"2-flags": []}, {"1-quality": "1"}, {"none_acceptable": "on"}]
    )
    def test_a_change_of_anything_is_a_change(self, client: Client, ranked: Assignment, change: dict[str, Any]) -> None:
        form_data = ranking_form_data([2, 1, 1, 3], **FLAGGED) | change
        client.post(f"{open_again(client, ranked)}submit/", form_data)
        assert Ranking.objects.count() == 2


def test_no_lease_is_held_through_a_pause(client: Client, written: Assignment) -> None:
    assert "data-hold" not in client.get(open_again(client, written)).content.decode()
    make_prompt(written.campaign)
    answer = client.post("/next/demonstration/", follow=True)
    assert "data-hold" in answer.content.decode()


class TestTwice:
    def test_a_second_click_makes_no_second_revision(self, client: Client, written: Assignment) -> None:
        address = open_again(client, written)
        client.post(f"{address}submit/", {"text": "A leaf, dried."})
        answer = client.post(f"{address}submit/", {"text": "A leaf, dried, and more."}, follow=True)
        assert "closed already" in answer.content.decode()
        assert revisions_of(written) == ["A leaf.", "A leaf, dried."]

    def test_what_was_handed_in_is_not_dropped_by_an_old_tab(self, client: Client, written: Assignment) -> None:
        address = open_again(client, written)
        client.post(f"{address}submit/", {"text": "A leaf, dried."})
        assert "closed already" in client.post(f"{address}discard/", follow=True).content.decode()
        assert revisions_of(written) == ["A leaf.", "A leaf, dried."]

    def test_a_third_revision_builds_on_the_second(self, client: Client, written: Assignment) -> None:
        for text in ("Two.", "Three."):
            client.post(f"{open_again(client, written)}submit/", {"text": text})
        assert revisions_of(written) == ["A leaf.", "Two.", "Three."]
        assert "Three." in client.get(open_again(client, written)).content.decode()

    def test_closed_ones_lead_to_what_counts(self, client: Client, written: Assignment) -> None:
        address = open_again(client, written)
        client.post(f"{address}submit/", {"text": "Two."})
        assert client.get(address)["Location"] == f"/history/{written.token}/"
        assert client.get(f"{address}submit/")["Location"] == address
        assert client.get(f"/history/{written.token}/revise/")["Location"] == f"/history/{written.token}/"


class TestReading:
    def test_earlier_revisions_are_there_to_read(self, client: Client, written: Assignment) -> None:
        client.post(f"{open_again(client, written)}submit/", {"text": "Dried."})
        html = client.get(f"/history/{written.token}/1/").content.decode()
        assert "A leaf." in html
        assert "does not count any more" in html
        assert "Dried." in client.get(f"/history/{written.token}/").content.decode()
        assert client.get(f"/history/{written.token}/7/").status_code == 404

    def test_the_list_says_which_revision_counts(self, client: Client, written: Assignment) -> None:
        assert "Revision" not in client.get("/history/").content.decode()
        client.post(f"{open_again(client, written)}submit/", {"text": "Dried."})
        assert "Revision 2" in client.get("/history/").content.decode()


class TestRefusals:
    @pytest.fixture
    def opened(self, client: Client, written: Assignment) -> str:
        return open_again(client, written)

    def refused(self, client: Client, address: str, *, saying: str, status: int) -> None:
        """Both the page and the button, with what was typed on the page."""
        answer = client.post(f"{address}submit/", {"text": "A leaf, dried."})
        html = answer.content.decode()
        assert answer.status_code == status
        assert saying in html
        assert "A leaf, dried." in html
        assert "A leaf, dried." in client.get(address).content.decode()
        assert Demonstration.objects.count() == 1

    def test_a_closed_campaign(self, client: Client, written: Assignment, opened: str) -> None:
        close_campaign(campaign=written.campaign)
        self.refused(client, opened, saying="takes no revisions", status=410)
        assert client.post(f"/history/{written.token}/revise/").status_code == 410

    def test_a_paused_campaign_takes_revisions(self, client: Client, written: Assignment, opened: str) -> None:
        change_campaign_state(campaign=written.campaign, state=CampaignState.PAUSED)
        client.post(f"{opened}submit/", {"text": "Dried."})
        assert revisions_of(written) == ["A leaf.", "Dried."]

    def test_a_suspended_labeler(self, client: Client, alice: Labeler, written: Assignment, opened: str) -> None:
        Labeler.objects.update(state=LabelerState.SUSPENDED)
        self.refused(client, opened, saying="Your account is paused", status=409)
        assert client.post(f"/history/{written.token}/revise/").status_code == 409

    def test_a_prompt_that_was_set_aside(self, client: Client, written: Assignment, opened: str) -> None:
        set_prompt_aside(prompt=written.prompt, reason="A real name in it.")
        self.refused(client, opened, saying="This was set aside", status=410)

    def test_a_task_that_was_set_aside(self, client: Client, ranked: Assignment) -> None:
        address = open_again(client, ranked)
        set_task_aside(task=ask_for_another_ranking(task=RankingTask.objects.get()), reason="Garbled.")
        answer = client.post(f"{address}submit/", ranking_form_data([1, 2, 3, 4]))
        assert (answer.status_code, Ranking.objects.count()) == (410, 1)

    def test_anybody_elses(self, client: Client, written: Assignment, opened: str) -> None:
        bob = browser_of(make_labeler("bob"))
        assert bob.post(f"/history/{written.token}/revise/").status_code == 404
        assert bob.get(opened).status_code == 404
        assert bob.post(f"{opened}submit/", {"text": "Mine."}).status_code == 404
        assert bob.post(f"{opened}discard/").status_code == 404
        assert save(bob, opened, "Mine.").status_code == 404

    def test_what_is_older_than_the_last_fifty(self, client: Client, alice: Labeler, written: Assignment) -> None:
        page = f"/history/{written.token}/"
        hand_in_more(alice, written, REVISABLE - 1)
        assert f'action="{page}revise/"' in client.get(page).content.decode()
        hand_in_more(alice, written, 1)
        assert f'action="{page}revise/"' not in client.get(page).content.decode()
        answer = client.post(f"{page}revise/")
        assert answer.status_code == 410
        assert "Too long ago to revise" in answer.content.decode()

    def test_what_was_begun_in_time_may_be_finished(
        self, client: Client, alice: Labeler, written: Assignment, opened: str
    ) -> None:
        hand_in_more(alice, written, REVISABLE)
        client.post(f"{opened}submit/", {"text": "Dried."})
        assert revisions_of(written) == ["A leaf.", "Dried."]

    def test_work_that_was_not_handed_in(self, client: Client, alice: Labeler) -> None:
        make_prompt(make_campaign())
        held = claim_demonstration(labeler=alice)
        assert held is not None
        assert client.post(f"/history/{held.token}/revise/").status_code == 410


def hand_in_more(labeler: Labeler, like: Assignment, count: int) -> None:
    """So many further submissions, as rows: only their times matter."""
    for _ in range(count):
        prompt = make_prompt(like.campaign)
        Assignment.objects.create(
            labeler=labeler, campaign=like.campaign, kind="demonstration", prompt=prompt, state="submitted",
            instruction_version=like.instruction_version, claimed_at=timezone.now(), expires_at=timezone.now(),
            closed_at=timezone.now(),
        )  # fmt: skip


Counted = Callable[..., Any]  # pytest-django's django_assert_num_queries


@pytest.mark.usefixtures("claimed_a_while_ago")
@pytest.mark.parametrize("k", [4, 9])
def test_a_revisions_page_takes_the_same_queries(
    k: int, client: Client, alice: Labeler, django_assert_num_queries: Counted
) -> None:
    make_ready_task(make_prompt(make_campaign()), k=k)
    held = claim_ranking(labeler=alice)
    assert held is not None
    client.post(f"/work/{held.token}/submit/", ranking_form_data(range(1, k + 1)))
    address = open_again(client, held)
    client.get(address)
    with django_assert_num_queries(6):  # session, labeler, the revision, its work, the completions, the time at it
        assert client.get(address).status_code == 200
