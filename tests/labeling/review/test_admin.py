"""Reviews, messages and broken tasks in the admin."""

import pytest
from django.urls import reverse

from labeling.models import Labeler, Review, Thread
from labeling.review.services.reports import report_broken
from labeling.review.services.threads import write_as_labeler
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db


def test_an_admin_asks_for_a_review_in_words_that_the_reviewer_reads(alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign()))
    ranking = rank(alice, [1, 2, 3, 4])
    olga = admin_browser()
    path = reverse("admin:labeling_ranking_ask_for_review", args=[ranking.pk])
    assert texts_of(olga.post(path, {"reason": "Is C a joke?"}, follow=True)) == ["It waits for a reviewer."]
    review = Review.objects.get()
    assert (review.note, str(review.asked_by), review.reasons) == ("Is C a joke?", "olga", ["asked_for"])
    assert "Is C a joke?" in olga.get(f"/review/{review.token}/").text
    assert str(alice) in olga.get(reverse("admin:labeling_review_changelist")).text
    assert "Page of the reviewers" in olga.get(reverse("admin:labeling_review_change", args=[review.pk])).text


def test_a_message_is_marked_until_somebody_who_may_answer_opens_it_and_is_answered(alice: Labeler) -> None:
    write_as_labeler(labeler=alice, text="May I take Friday off?")
    thread = Thread.objects.get()
    listed = reverse("admin:labeling_thread_changelist")
    page = reverse("admin:labeling_thread_change", args=[thread.pk])
    olga = admin_browser()
    assert "May I take Friday off?" in olga.get(f"{listed}?unread=yes").text
    admin_browser("labeling.view_thread", name="otto").get(page)
    assert Thread.objects.get().staff_unread == 1
    assert "May I take Friday off?" in olga.get(page).text
    assert Thread.objects.get().staff_unread == 0
    answer = reverse("admin:labeling_thread_answer", args=[thread.pk])
    assert olga.post(answer, {"text": " "}).status_code == 422
    assert texts_of(olga.post(answer, {"text": "Of course."}, follow=True)) == ["Sent to alice."]
    alice.refresh_from_db()
    assert alice.unread_messages == 1


@pytest.mark.parametrize(("button", "state"), [("set_aside", "set_aside"), ("dismiss", "dismissed")])
def test_a_report_is_decided_once(alice: Labeler, button: str, state: str) -> None:
    make_ready_task(make_prompt(make_campaign()))
    report = report_broken(assignment=rank(alice, [1, 2, 3, 4]).assignment, text="B is cut off.")
    olga = admin_browser()
    assert "B is cut off." in olga.get(reverse("admin:labeling_brokentaskreport_changelist")).text
    path = reverse(f"admin:labeling_brokentaskreport_{button}", args=[report.pk])
    olga.post(path, {"text": "Thank you."})
    report.refresh_from_db()
    assert (report.state, str(report.decided_by), report.answer) == (state, "olga", "Thank you.")
    again = olga.post(path, {"text": "Once more."})
    assert again.status_code == 422
    assert Thread.objects.get().messages.count() == 1
