"""Takes an import out again, as long as nobody worked with what it brought."""

from django.db import transaction
from django.db.models import Count, F, QuerySet
from django.utils import timezone

from labeling.base.refusals import NotUndoable
from labeling.base.states import AssignmentState, ImportState
from labeling.campaigns.models.prompts import Prompt, Submitter
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import Ranking
from labeling.imports.models import PromptImport
from labeling.quality.gold.models import GoldItem
from labeling.ranking_tasks.models.completions import Completion, RenderedCompletion
from labeling.ranking_tasks.models.sampling import SamplingRun
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.ranking_tasks.services.setting_aside import set_prompt_aside


@transaction.atomic
def undo_import(*, prompt_import: PromptImport) -> int:
    """Deletes all that the file brought. Returns how many prompts went.

    A prompt that labelers only skipped or left is set aside instead, for what they did stays on record. So is one to
    which a later file brought comparisons, or whose demonstration was left out of training by itself. Raises
    NotUndoable: something was ranked, written or made gold, or somebody is at it; IllegalMove: the import is not done.
    """
    prompt_import = PromptImport.objects.select_for_update(no_key=True).get(pk=prompt_import.pk)
    prompts = Prompt.objects.filter(prompt_import=prompt_import)
    list(prompts.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True).iterator())
    list(RankingTask.objects.filter(prompt__in=prompts).order_by("pk").select_for_update(no_key=True).values_list("pk"))
    _refuse_used(prompts)
    prompt_import.move(to=ImportState.UNDONE, finished_at=timezone.now())
    prompt_import.rankings.all().delete()
    met = Assignment.objects.filter(prompt__in=prompts) | Assignment.objects.filter(task__prompt__in=prompts)
    kept = set(met.values_list("prompt", flat=True)) | set(met.values_list("task__prompt", flat=True))
    kept |= set(prompts.filter(imported_rankings__isnull=False).values_list("pk", flat=True))
    kept |= set(prompts.filter(demonstrations__exclusions__isnull=False).values_list("pk", flat=True))
    for prompt in prompts.filter(pk__in=kept, set_aside_reason=""):
        set_prompt_aside(prompt=prompt, reason=f"Import {prompt_import.pk} ({prompt_import.file_name}) was undone.")
    return delete_prompts(prompts.exclude(pk__in=kept))


def _refuse_used(prompts: QuerySet[Prompt]) -> None:
    ranked = Ranking.objects.filter(task__prompt__in=prompts).count()
    written = Demonstration.objects.filter(prompt__in=prompts).exclude(source="import").count()
    at_it = Assignment.objects.filter(state=AssignmentState.OPEN)
    held = at_it.filter(prompt__in=prompts).count() + at_it.filter(task__prompt__in=prompts).count()
    if gold := GoldItem.objects.filter(task__prompt__in=prompts).count():
        raise NotUndoable(
            f"It can't be undone: {gold} of the tasks that it brought are gold, and what labelers made of them is "
            "measured by it. Retire the gold items and set the prompts aside instead."
        )
    if ranked or written or held:
        raise NotUndoable(
            f"It can't be undone: {ranked} rankings and {written} demonstrations were made of what it brought, and "
            f"{held} pieces of work are held now. Set the prompts aside instead."
        )


def delete_prompts(prompts: QuerySet[Prompt]) -> int:
    """With their tasks, completions and given demonstrations. Call it for prompts that nobody worked with, locked."""
    ids = list(prompts.values_list("pk", flat=True))
    by_submitter = dict(prompts.values_list("submitter").annotate(count=Count("pk")).order_by())
    tasks = RankingTask.objects.filter(prompt__in=ids)
    RenderedCompletion.objects.filter(completion__task__in=tasks).delete()
    for model in (Completion, SamplingRun):
        model.objects.filter(task__in=tasks).delete()
    tasks.delete()
    Demonstration.objects.filter(prompt__in=ids).delete()
    Prompt.objects.filter(pk__in=ids).delete()
    for submitter_id, count in by_submitter.items():
        Submitter.objects.filter(pk=submitter_id).update(prompt_count=F("prompt_count") - count)
    Submitter.objects.filter(pk__in=by_submitter, prompts=None).delete()
    return len(ids)
