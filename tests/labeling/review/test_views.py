"""The pages of reviewers, and what their decisions show the labeler; through the doors that both take."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from labeling.base.states import ReviewReason, ReviewState
from labeling.models import Adjudication, BrokenTaskReport, Labeler, Ranking, Review, Thread
from labeling.review.services.reports import report_broken
from labeling.review.services.reviews import request_adjudication, request_review, return_to_labeler
from labeling.review.services.threads import write_as_staff
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import browser_of, make_campaign, make_prompt, make_ready_task, ranking_form_data
from tests.labeling.handed_in import rank, write

pytestmark = pytest.mark.django_db


def reviewer(name: str = "rita", *, labeler: Labeler | None = None) -> Client:
    """The browser of somebody who reviews, and maybe labels as well."""
    user = labeler.user if labeler else User.objects.create_user(name)
    user.user_permissions.add(Permission.objects.get(codename="review_work"))
    client = Client()
    client.force_login(user)
    return client


def asked(ranking: Ranking) -> str:
    review = request_review(label=ranking, reason=ReviewReason.ASKED_FOR)
    assert review is not None
    return str(review.token)


def ranked(labeler: Labeler, **prompt: Any) -> Ranking:
    make_ready_task(make_prompt(make_campaign(), **prompt))
    return rank(labeler, [1, 2, 2, 3], quality=5, flags=["hallucination"], note="hm")


class TestReviewers:
    def test_go_from_the_queue_through_a_decision_to_the_next(self, alice: Labeler) -> None:
        rita = reviewer()
        first, second = asked(ranked(alice, text="Why is grass green?")), asked(ranked(alice, text="Why is ice cold?"))
        page = rita.get("/review/").text
        assert "Why is grass green?" in page
        assert "2 wait." in page
        assert "alice" not in page
        assert rita.post("/review/next/").headers["Location"] == f"/review/{first}/"
        shown = rita.get(f"/review/{first}/").text
        assert alice.pseudonym in shown
        assert "Hallucination" in shown
        assert "hm" in shown
        response = rita.post(f"/review/{first}/accept/", {"seen": "1"})
        assert response.headers["Location"] == f"/review/{second}/"
        last = rita.post(f"/review/{second}/accept/", {"seen": "1"}, follow=True)
        assert texts_of(last) == ["Accepted.", "Accepted.", "Nothing waits for you right now."]

    def test_read_what_was_written_with_no_word_turned_around(self, alice: Labeler) -> None:
        make_ready_task(make_prompt(make_campaign(), text="Why \u202egrass?"))
        ranking = rank(alice, [1, 2, 2, 3], note="hm\u202e <b>\nB")
        rita, token = reviewer(), asked(ranking)
        write_as_staff(labeler=alice, text="So\u202e?", by=User.objects.get(username="rita"), work=ranking.assignment)
        report = report_broken(assignment=ranking.assignment, text="Cut\u202e off")
        admin, table = admin_browser(), "admin:labeling_"
        pages = [
            rita.get("/review/"),
            rita.get(f"/review/{token}/"),
            browser_of(alice).get("/history/"),
            browser_of(alice).get(f"/history/{ranking.assignment.token}/"),
            browser_of(alice).get(f"/messages/about/{ranking.assignment.token}/"),
            *(admin.get(reverse(f"{table}{list_}_changelist")) for list_ in ("ranking", "thread", "brokentaskreport")),
            admin.get(reverse(f"{table}ranking_change", args=[ranking.pk])),
            admin.get(reverse(f"{table}brokentaskreport_change", args=[report.pk])),
        ]
        for page in pages:
            assert ("\u202e" in page.text, "⟨RLO⟩" in page.text) == (False, True), page.request["PATH_INFO"]
        assert "⟨RLO⟩</span> &lt;b&gt;<br>B" in pages[1].text

    def test_need_the_permission(self, client: Client, alice: Labeler) -> None:
        token = asked(ranked(alice))
        for path in ("/review/", f"/review/{token}/", f"/review/{token}/fix/"):
            assert client.get(path).status_code == 403
            assert Client().get(path).headers["Location"].startswith("/login/")
        assert client.post(f"/review/{token}/accept/", {"seen": "1"}).status_code == 403
        assert client.put(f"/review/{token}/draft/", {}, content_type="application/json").status_code == 403
        assert Review.objects.get().state == ReviewState.WAITING

    def test_never_see_their_own_work(self, alice: Labeler) -> None:
        token = asked(ranked(alice))
        own = reviewer(labeler=alice)
        assert "Nothing waits for you right now." in own.get("/review/").text
        for response in (
            own.get(f"/review/{token}/"),
            own.get(f"/review/{token}/fix/"),
            own.post(f"/review/{token}/accept/", {"seen": "1"}),
            own.post(f"/review/{token}/return/", {"seen": "1", "text": "Well."}),
            own.post(f"/review/{token}/fix/", ranking_form_data([4, 3, 2, 1]) | {"seen": "1"}),
        ):
            assert response.status_code == 403
            assert "This is your own work" in response.text
        assert Review.objects.get().state == ReviewState.WAITING

    def test_are_told_of_what_came_between_and_keep_what_they_wrote(self, alice: Labeler) -> None:
        rita = reviewer()
        token = asked(ranked(alice))
        refused = rita.post(f"/review/{token}/return/", {"seen": "7", "text": "C is wrong."})
        assert refused.status_code == 422
        assert "The labeler revised it while you looked at it." in refused.text
        assert "C is wrong." in refused.text
        empty = rita.post(f"/review/{token}/return/", {"seen": "1", "text": ""})
        assert empty.status_code == 422
        assert "Say what is to be changed" in empty.text
        rita.post(f"/review/{token}/accept/", {"seen": "1"})
        late = reviewer("rolf").post(f"/review/{token}/return/", {"seen": "1", "text": "No."}, follow=True)
        assert "This was decided already by rita" in texts_of(late)[0]

    def test_fix_a_ranking_on_its_own_page(self, alice: Labeler) -> None:
        rita = reviewer()
        token = asked(ranked(alice))
        assert 'name="1-rank"' in rita.get(f"/review/{token}/fix/").text
        incomplete = rita.post(
            f"/review/{token}/fix/", ranking_form_data([4, 3, 2, 1], **{"1-rank": None, "seen": "1"})
        )
        assert incomplete.status_code == 422
        assert "Still without a rank" in incomplete.text
        rita.post(f"/review/{token}/fix/", ranking_form_data([4, 3, 2, 1]) | {"seen": "1", "why": "Upside down."})
        last = Ranking.objects.latest("revision")
        assert (last.revision, str(last.fixed_by), last.labeler) == (2, "rita", alice)
        assert Thread.objects.get().messages.get().text == "Upside down."
        told = browser_of(alice).get(f"/history/{last.assignment.token}/").text
        assert "fixed by a reviewer" in told
        assert "Upside down." in told

    def test_fix_a_demonstration(self, alice: Labeler) -> None:
        rita = reviewer()
        make_prompt(make_campaign(ranking_tasks_per_prompt=0))
        label = write(alice, "A leaf.").demonstrations.get()
        review = request_review(label=label, reason=ReviewReason.RANDOM)
        assert review is not None
        path = f"/review/{review.token}/fix/"
        assert "A leaf." in rita.get(path).text
        assert rita.post(path, {"seen": "1", "text": " "}).status_code == 422
        rita.post(path, {"seen": "1", "text": "A dried leaf."})
        assert label.assignment is not None
        assert label.assignment.demonstrations.latest("revision").text == "A dried leaf."

    def test_adjudicate_rankings_side_by_side(self, alice: Labeler, bob: Labeler) -> None:
        rita = reviewer()
        task = make_ready_task(make_prompt(make_campaign(rankings_per_task=2)))
        rank(alice, [1, 2, 3, 4], quality=6)
        rank(bob, [4, 3, 2, 1], quality=2, note="All wrong.")
        review = request_adjudication(task=task, reason=ReviewReason.LOW_AGREEMENT)
        page = rita.get(f"/review/{review.token}/", follow=True).text
        for shown in (alice.pseudonym, bob.pseudonym, "All wrong.", 'data-take-over="1,1,1,1"'):
            assert shown in page
        path = f"/review/{review.token}/adjudicate/"
        seen = ",".join(str(pk) for pk in Ranking.objects.order_by("pk").values_list("pk", flat=True))
        missing = rita.post(path, {"1-rank": "1", "seen": seen, "note": "So far."})
        assert missing.status_code == 422
        assert "Give every completion a rank" in missing.text
        assert "So far." in missing.text
        ranks = {f"{position}-rank": str(rank) for position, rank in enumerate([1, 1, 3, 2], start=1)}
        rita.post(path, ranks | {"seen": seen, "note": "Both exaggerate."})
        made = Adjudication.objects.get()
        assert list(made.completions.order_by("completion").values_list("rank", flat=True)) == [1, 1, 3, 2]
        again = rita.post(path, ranks | {"seen": seen}, follow=True)
        assert "decided already" in texts_of(again)[-1]
        assert "Both exaggerate." in rita.get(path).text
        assert Adjudication.objects.count() == 1

    def test_drafts_are_kept_and_never_written_over(self, alice: Labeler) -> None:
        rita = reviewer()
        token = asked(ranked(alice))

        def save(base: int, page: str, **draft: list[str]) -> Any:
            sent = {"draft": draft, "base_version": base, "page": page * 32}
            return rita.put(f"/review/{token}/draft/", json.dumps(sent), content_type="application/json")

        assert save(0, "a", note=["One."]).json()["version"] == 1
        assert save(0, "a", note=["Two."], seen=["1"]).json()["version"] == 2  # its own page, whose answer was lost
        conflict = save(0, "b", note=["Three."])
        assert (conflict.status_code, conflict.json()["draft"]) == (409, {"note": ["Two."], "seen": ["1"]})
        assert "Two." in rita.get(f"/review/{token}/fix/").text
        rita.post(f"/review/{token}/accept/", {"seen": "1"})
        assert save(2, "a", note=["Late."]).status_code == 410


class TestLabelers:
    def test_meet_the_reason_beside_the_task_and_answer_it(self, client: Client, alice: Labeler) -> None:
        rita = User.objects.create_user("rita")
        ranking = ranked(alice)
        return_to_labeler(token=asked(ranking), reviewer=rita, seen=1, text="C invents a date.\nLook again.")
        start = client.get("/").text
        assert "Returned to you" in start
        assert "C invents a date." in start
        assert "data-unread>1</b>" in start
        work = ranking.assignment.token
        page = client.get(f"/history/{work}/").text
        assert "C invents a date." in page
        assert "Answer the reviewer" in page
        begun = client.post(f"/history/{work}/revise/").headers["Location"]
        assert "C invents a date." in client.get(begun).text
        client.get(f"/messages/about/{work}/")
        assert "data-unread" not in client.get("/").text
        answer = {"about": str(work), "text": "The date is in the prompt.", "back": f"/history/{work}/"}
        response = client.post("/messages/write/", answer)
        assert response.headers["Location"] == f"/history/{work}/"
        assert "Returned to you" not in client.get("/").text
        again = Review.objects.get(state=ReviewState.WAITING)
        assert again.reasons == [ReviewReason.ANSWERED]
        assert "The date is in the prompt." in reviewer("rolf").get(f"/review/{again.token}/").text

    def test_revise_what_was_returned(self, client: Client, alice: Labeler) -> None:
        ranking = ranked(alice)
        rita = User.objects.create_user("rita")
        return_to_labeler(token=asked(ranking), reviewer=rita, seen=1, text="Why is C last?")
        begun = client.post(f"/history/{ranking.assignment.token}/revise/").headers["Location"]
        client.post(f"{begun}submit/", ranking_form_data([4, 3, 2, 1]) | {"draft_version": "0"})
        assert "Returned to you" not in client.get("/").text
        queue = reviewer("rolf").get("/review/").text
        assert "Answered" in queue

    def test_write_to_the_admin_from_any_page(self, client: Client, alice: Labeler) -> None:
        assert 'action="/messages/write/"' in client.get("/day/").text
        sent = {"text": "May I take Friday off?", "back": "/day/"}
        response = client.post("/messages/write/", sent, follow=True)
        assert response.redirect_chain == [("/day/", 302)]
        thread = Thread.objects.get()
        assert (thread.labeler, thread.assignment, thread.staff_unread) == (alice, None, 1)
        elsewhere = client.post("/messages/write/", sent | {"back": "https://elsewhere.example/"})
        assert elsewhere.headers["Location"] == "/messages/"
        empty = client.post("/messages/write/", {"text": " \n"})
        assert empty.status_code == 422

    def test_see_nobody_else_s_messages(self, client: Client, bob: Labeler) -> None:
        work = ranked(bob).assignment
        olga = User.objects.create_user("olga")
        write_as_staff(labeler=bob, text="Well done, Bob.", by=olga, work=work)
        assert client.get(f"/messages/about/{work.token}/").status_code == 404
        assert client.post("/messages/write/", {"text": "Hi", "about": str(work.token)}).status_code == 404
        assert "Well done" not in client.get("/messages/").text
        assert "Well done" in browser_of(bob).get(f"/messages/about/{work.token}/").text
        bob.refresh_from_db()
        assert bob.unread_messages == 0

    def test_report_a_task_as_broken_once(self, client: Client, alice: Labeler) -> None:
        work = ranked(alice).assignment
        sent = {"text": "B is cut off.", "about": str(work.token), "do": "broken"}
        for _ in range(2):
            client.post("/messages/write/", sent)
        report = BrokenTaskReport.objects.get()
        assert (report.assignment, report.text, report.state) == (work, "B is cut off.", "open")


def test_a_page_of_work_asks_the_database_nothing_more_for_messages(
    client: Client, alice: Labeler, django_assert_num_queries: Any
) -> None:
    """The mark of unread messages comes with the account (labeling/base/fast_paths/accounts.py)."""
    write_as_staff(labeler=alice, text="Well done.", by=User.objects.create_user("olga"))
    with django_assert_num_queries(2) as asked_for:
        assert "data-unread>1</b>" in client.get("/preferences/").text
    assert not any("labeling_thread" in query["sql"] for query in asked_for.captured_queries)
