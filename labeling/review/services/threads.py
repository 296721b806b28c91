"""Messages between labelers and those who run the work, of one piece of work or of anything; and who has read them."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from labeling.base.refusals import EmptyText
from labeling.base.text import clean_text
from labeling.people.models import Labeler
from labeling.review.models.reviews import Review, Work
from labeling.review.models.threads import Thread, ThreadMessage
from labeling.review.queries.threads import column_of, thread_about


@transaction.atomic
def write_as_labeler(*, labeler: Labeler, text: str, work: Work | None = None) -> ThreadMessage:
    """A message to whoever runs the work. Of work that was returned it is the answer, so a reviewer looks again.

    `work`: the labeler's own. Raises EmptyText, UnstorableText.
    """
    said = _checked(text)
    thread = _locked_thread(labeler, work)
    message = thread.messages.create(author=labeler.user, from_labeler=True, text=said)
    thread.staff_unread += 1
    _touch(thread, "staff_unread")
    if work is not None:
        table = type(work)._default_manager  # noqa: SLF001  (Django's own name for it)
        table.filter(pk=work.pk, returned_at__isnull=False).update(returned_at=None)
    return message


@transaction.atomic
def write_as_staff(
    *, labeler: Labeler, text: str, by: User, work: Work | None = None, review: Review | None = None
) -> ThreadMessage:
    """A message to a labeler, who sees on every page that there is one. Raises EmptyText, UnstorableText."""
    said = _checked(text)
    thread = _locked_thread(labeler, work)
    message = thread.messages.create(author=by, from_labeler=False, text=said, review=review)
    thread.labeler_unread += 1
    thread.staff_unread = 0  # whoever answers has read
    _touch(thread, "labeler_unread", "staff_unread")
    Labeler.objects.filter(pk=labeler.pk).update(unread_messages=F("unread_messages") + 1)
    return message


@transaction.atomic
def read_by_labeler(thread: Thread) -> None:
    """Its messages are no longer marked as unread."""
    thread = Thread.objects.select_for_update().get(pk=thread.pk)
    unread, thread.labeler_unread = thread.labeler_unread, 0
    if not unread:
        return
    thread.save(update_fields=["labeler_unread"])
    left = Greatest(F("unread_messages") - unread, 0)
    Labeler.objects.filter(pk=thread.labeler_id).update(unread_messages=left)


def read_by_staff(thread: Thread) -> None:
    Thread.objects.filter(pk=thread.pk, staff_unread__gt=0).update(staff_unread=0)


def _locked_thread(labeler: Labeler, work: Work | None) -> Thread:
    """The labeler's row is locked, so that two messages at once make one thread."""
    Labeler.objects.select_for_update(no_key=True).get(pk=labeler.pk)
    begun = thread_about(labeler, work)
    if begun is None:
        subject = {} if work is None else {column_of(work): work}
        begun = Thread.objects.create(labeler=labeler, **subject, last_message_at=timezone.now())
    return Thread.objects.select_for_update().get(pk=begun.pk)


def _touch(thread: Thread, *fields: str) -> None:
    thread.last_message_at = timezone.now()
    thread.save(update_fields=["last_message_at", *fields])


def _checked(text: str) -> str:
    said = clean_text(text).strip()
    if not said:
        raise EmptyText("The message is empty. Write something, then send it.")
    return said
