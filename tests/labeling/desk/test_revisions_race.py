"""Several tabs that revise one submission at once: one revision, whoever comes first."""

import pytest

from labeling.base.refusals import AlreadySubmitted
from labeling.desk.demonstrating.services import fields_of_demonstration, revise_demonstration
from labeling.desk.services.revisions import start_revision
from labeling.models import Assignment, Demonstration, Labeler, Revision
from tests.labeling.cast import make_campaign, make_prompt
from tests.labeling.desk.test_claims_race import in_threads
from tests.labeling.handed_in import reopened, write

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def written(alice: Labeler) -> Assignment:
    make_prompt(make_campaign())
    return write(alice, "A leaf.")


def test_eight_clicks_begin_one_revision(alice: Labeler, written: Assignment) -> None:
    def begin(_number: int) -> None:
        start_revision(labeler=alice, token=str(written.token), fields_of=fields_of_demonstration)

    assert in_threads(8, begin) == []
    assert Revision.objects.count() == 1


def test_of_eight_submissions_one_counts_and_the_others_are_told(alice: Labeler, written: Assignment) -> None:
    token = reopened(alice, written)

    def submit(number: int) -> None:
        revise_demonstration(labeler=alice, token=token, text=f"Leaf {number}.", active_seconds=1)

    errors = in_threads(8, submit)
    assert [type(error) for error in errors] == [AlreadySubmitted] * 7
    assert list(Demonstration.objects.order_by("revision").values_list("revision", flat=True)) == [1, 2]
