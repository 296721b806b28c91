"""What rows are called where an admin reads Chinese; logs and commands, which read English, have the English name."""

import pytest
from django.utils import translation

from labeling.models import Assignment, Ranking
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db


def test_a_row_without_a_name_of_its_own_is_called_in_the_readers_language() -> None:
    task = make_ready_task(make_prompt(make_campaign(name="Poems by alice")))
    rank(make_labeler("alice"), [1, 2, 3, 4])
    ranking, assignment = Ranking.objects.get(), Assignment.objects.get()
    rows = (task, ranking, assignment, task.campaign)
    assert list(map(str, rows)) == [
        f"Ranking task {task.pk}", f"Ranking {ranking.pk}", "Ranking by alice", "Poems by alice",
    ]  # fmt: skip
    with translation.override("zh-hans"):
        assert list(map(str, rows)) == [
            f"排序任务 {task.pk}", f"排序 {ranking.pk}", "alice 的排序", "Poems by alice",
        ]  # fmt: skip
