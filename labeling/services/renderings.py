"""HTML made ahead of its readers."""

from collections.abc import Sequence

from labeling.markdown import RENDERER, TEXT_HEADINGS_FROM, raw_text, render_markdown
from labeling.models import Completion, RenderedCompletion


def render_ahead(*, task_ids: Sequence[int]) -> None:
    """Makes the HTML of the tasks' completions, which the page of a ranking then only reads."""
    texts = Completion.objects.filter(task_id__in=task_ids).values_list("pk", "text")
    RenderedCompletion.objects.bulk_create(
        (
            RenderedCompletion(
                completion_id=pk,
                renderer=RENDERER,
                html=render_markdown(text, headings_from=TEXT_HEADINGS_FROM),
                raw=raw_text(text),
            )
            for pk, text in texts
        ),
        update_conflicts=True,  # a task that was set aside becomes ready a second time
        unique_fields=["completion"],
        update_fields=["renderer", "html", "raw"],
        batch_size=1000,
    )
