"""What rows are called where an admin reads Chinese; their English name is for logs and programs."""

import pytest
from django.utils import translation

from labeling.base.admin.row_names import name_of
from labeling.models import Assignment, Ranking
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db


def test_a_row_without_a_name_of_its_own_is_called_in_the_readers_language() -> None:
    task = make_ready_task(make_prompt(make_campaign()))
    rank(make_labeler("alice"), [1, 2, 3, 4])
    ranking, assignment = Ranking.objects.get(), Assignment.objects.get()
    assert [name_of(row) for row in (task, ranking, assignment)] == [
        f"Ranking task {task.pk}", f"Ranking {ranking.pk}", "ranking by alice",
    ]  # fmt: skip
    with translation.override("zh-hans"):
        named = [name_of(row) for row in (task, ranking, assignment)]
    assert named == [f"排序任务 {task.pk}", f"排序 {ranking.pk}", "alice 的排序"]


def test_what_somebody_named_keeps_its_name() -> None:
    with translation.override("zh-hans"):
        assert name_of(make_campaign(name="Poems by alice")) == "Poems by alice"
