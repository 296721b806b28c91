"""Imports: the page of each shows how far it is, what its file holds, and takes it in or out again."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from labeling.base.admin.columns import excerpt
from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.filters import by_choice, by_relation
from labeling.base.admin.model_admins import RecordAdmin, button, column, shown
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.as_written import as_written
from labeling.base.refusals import Refusal
from labeling.base.states import IllegalMove, ImportState
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.imports.admin.prompt_import import DefaultsForm
from labeling.imports.admin.sentences import in_readers_words, result_in_words
from labeling.imports.models import ImportedRanking, PromptImport
from labeling.imports.rules.outcome import ImportResult
from labeling.imports.rules.records import FIELDS
from labeling.imports.services.prompt_imports import check_again, confirm_import, stop_import
from labeling.imports.services.undoing import undo_import

RUNNING_STATES = (ImportState.CHECKING, ImportState.IMPORTING)
REFRESH_SECONDS = 3
LEFT_OUT = "-"
COLUMN = "column:"
"""Before the name of a column, in the form that says what each is taken for."""


class PromptImportAdmin(OfCampaigns, RecordAdmin):
    list_display = (
        "name",
        shown("campaign", lazy("Campaign")),
        "show_state",
        "came_in",
        "refused",
        shown("dataset", lazy("Where it is from")),
        shown("created_at", lazy("Created")),
    )
    list_display_links = ("name",)
    list_filter = (*by_choice("state"), *by_relation("campaign"))
    list_select_related = ("campaign",)
    search_fields = ("file_name", "dataset")
    change_form_outer_before_template = "imports/admin/prompt_import.html"
    fields: ClassVar[tuple[str, ...]] = (
        "campaign", "file_name", "size", "dataset", "licence", "made_by", "created_at", "finished_at",
    )  # fmt: skip
    actions_detail: Sequence[str] = ("stop", "undo", "take_in", "read_again")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may change campaigns may import into them."""
        return self.has_operate_permission(request) or super().has_view_permission(request, obj)

    def has_operate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:  # noqa: ARG002
        return request.user.has_perm("labeling.change_campaign")

    def page_context(self, request: HttpRequest, prompt_import: PromptImport) -> dict[str, Any]:
        result = result_in_words(prompt_import)
        options = prompt_import.options
        return super().page_context(request, prompt_import) | {
            "prompt_import": prompt_import,
            "result": result,
            "error": in_readers_words(prompt_import.error),
            "percent": 100 * prompt_import.bytes_read // prompt_import.size if prompt_import.size else 0,
            "runs": prompt_import.state in RUNNING_STATES,
            "may_operate": self.has_operate_permission(request),
            "form": _form_of(options) if options else None,
            "columns": _columns(result, options) if result else [],
            "prompts_link": reverse(
                "admin:labeling_prompt_changelist", query={"prompt_import__id__exact": prompt_import.pk}
            ),
            "comparisons_link": reverse(
                "admin:labeling_importedranking_changelist", query={"prompt_import__id__exact": prompt_import.pk}
            ),
        }

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """While a pass runs the page looks again by itself."""
        response = super().render_change_form(request, context, *args, **kwargs)
        if context.get("runs"):
            response["Refresh"] = str(REFRESH_SECONDS)
        return response

    def buttons_for(self, row: PromptImport) -> Iterable[str]:
        if row.state == ImportState.DONE:
            return ["undo"]
        return ["stop"] if row.state in (*RUNNING_STATES, ImportState.CHECKED) else []

    @button(lazy("Take in"), icon="upload_file")
    def take_in(self, request: HttpRequest, object_id: str) -> HttpResponse:
        prompt_import = self.find(request, object_id)
        if request.method == "POST":
            self._step(
                request, lambda: confirm_import(prompt_import=prompt_import, keep_good="keep_good" in request.POST)
            )
            prompt_import.refresh_from_db()
            if prompt_import.state == ImportState.DONE:
                said = in_words(prompt_import)
                self.log_change(request, prompt_import.campaign, said)
                messages.success(request, said)
            elif prompt_import.state == ImportState.CHECKED:
                messages.error(request, _("Nothing was imported: the campaign changed since the preview. Look again."))
        return HttpResponseRedirect(self.page_of(prompt_import))

    @button(lazy("Read again"), icon="refresh")
    def read_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Reads the file with other columns, defaults, or another use of its answers."""
        prompt_import = self.find(request, object_id)
        form = DefaultsForm(request.POST)
        if request.method == "POST" and form.is_valid():
            columns = {
                name.removeprefix(COLUMN): chosen
                for name, chosen in request.POST.dict().items()
                if name.startswith(COLUMN) and chosen
            }
            renamed = {name: chosen for name, chosen in columns.items() if chosen != LEFT_OUT}
            left_out = [name for name, chosen in columns.items() if chosen == LEFT_OUT]
            defaults = form.defaults(prompt_import.campaign, renamed, left_out=left_out)
            self._step(request, lambda: check_again(prompt_import=prompt_import, defaults=defaults))
        return HttpResponseRedirect(self.page_of(prompt_import))

    def _step(self, request: HttpRequest, step: Any) -> None:
        try:
            step()
        except (Refusal, IllegalMove) as refused:
            messages.error(request, in_readers_words(str(refused)))

    @button(lazy("Stop"), icon="stop_circle")
    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        prompt_import = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            stop_import(prompt_import=prompt_import, user=request.user)  # type: ignore[arg-type]
            return _("The import was stopped; nothing of the file came in.")

        confirmation = Confirmation(
            title=_("Stop the import of %(name)s?") % {"name": prompt_import.file_name},
            consequences=[_("Nothing of the file comes in. It can be read again from here for a week.")],
            button=_("Stop"),
            back=self.page_of(prompt_import),
            about=[prompt_import],
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Undo"), icon="undo")
    def undo(self, request: HttpRequest, object_id: str) -> HttpResponse:
        prompt_import = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            count = undo_import(prompt_import=prompt_import)
            said = ngettext(
                "Undone: %(count)d prompt was taken out.", "Undone: %(count)d prompts were taken out.", count
            )
            return said % {"count": count}

        confirmation = Confirmation(
            title=_("Take out what %(name)s brought?") % {"name": prompt_import.file_name},
            consequences=[
                _("Its prompts, completions, demonstrations and existing comparisons are deleted."),
                _(
                    "That is refused once something was ranked or written to them, or is being worked on. Prompts that "
                    "labelers only skipped are set aside instead. Snapshots keep what they hold."
                ),
            ],
            button=_("Undo"),
            back=self.page_of(prompt_import),
            about=[prompt_import, prompt_import.campaign],
            danger=True,
        )
        return confirm(self, request, confirmation, act)

    @column(lazy("Import"), ordering="pk")
    def name(self, prompt_import: PromptImport) -> str:
        return str(prompt_import)

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, prompt_import: PromptImport) -> tuple[str, str]:
        return state_label(prompt_import)

    @column(lazy("Prompts"))
    def came_in(self, prompt_import: PromptImport) -> str:
        result = prompt_import.outcome()
        return f"{result.prompts:,}" if result else "–"

    @column(lazy("Refused lines"))
    def refused(self, prompt_import: PromptImport) -> str:
        result = prompt_import.outcome()
        return f"{result.refused.count:,}" if result else "–"


def _form_of(options: dict[str, Any]) -> DefaultsForm:
    shown_options = {**options, "ignore": ", ".join(options["ignore"])}
    return DefaultsForm(initial={name: value for name, value in shown_options.items() if value is not None})


def _columns(result: ImportResult, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Each column of the file: its name in the form, the beginning of a value, and what it is taken for."""
    chosen = options["columns"] | dict.fromkeys(options["ignore"], LEFT_OUT)
    return [
        {"name": name, "field": COLUMN + name, "value": value, "chosen": chosen.get(name, ""), "choices": FIELDS}
        for name, value in result.columns.items()
    ]


def in_words(prompt_import: PromptImport) -> str:
    """One sentence about what came in."""
    result = prompt_import.outcome()
    assert result is not None  # it is done
    prompts = ngettext("%(count)d prompt imported", "%(count)d prompts imported", result.prompts)
    parts = [prompts % {"count": result.prompts}]
    for count, text in (
        (result.demonstrations, ngettext("%(count)d demonstration", "%(count)d demonstrations", result.demonstrations)),
        (
            result.ranking_tasks,
            ngettext("%(count)d ready ranking task", "%(count)d ready ranking tasks", result.ranking_tasks),
        ),
        (
            result.comparisons,
            ngettext("%(count)d existing comparison", "%(count)d existing comparisons", result.comparisons),
        ),
        (
            result.answers_left_out,
            ngettext(
                "%(count)d empty or repeated completion left out",
                "%(count)d empty or repeated completions left out",
                result.answers_left_out,
            ),
        ),
        (result.refused.count, ngettext("%(count)d line left out", "%(count)d lines left out", result.refused.count)),
    ):
        if count:
            parts.append(text % {"count": count})
    return _("%(name)s: %(value)s") % {"name": prompt_import.file_name, "value": " · ".join(parts)}


@admin.register(ImportedRanking)
class ImportedRankingAdmin(OfCampaigns, RecordAdmin):
    """Comparisons that were made elsewhere."""

    campaign_paths = ("prompt__campaign",)
    list_display = (
        "number",
        "opening",
        "answers",
        shown("prompt_import", lazy("Import")),
        shown("annotator", lazy("Annotator")),
    )
    list_display_links = ("number", "opening")
    list_filter = (*by_relation("prompt_import"),)
    list_select_related = ("prompt", "prompt_import")
    fields = ("prompt", "prompt_import", "line", "answers", "strengths", "annotator")
    readonly_fields = ("answers",)

    @column("#", ordering="pk")
    def number(self, ranking: ImportedRanking) -> int:
        return ranking.pk

    @column(lazy("Prompt"))
    def opening(self, ranking: ImportedRanking) -> str:
        return excerpt(ranking.prompt.last_user_text(), language=ranking.prompt.language)

    @column(lazy("Completions"))
    def answers(self, ranking: ImportedRanking) -> str:
        by_rank = sorted(ranking.completions, key=lambda each: each["rank"])
        said = "\n".join(f"{each['rank']}. {each['text'][:200]}" for each in by_rank)
        return format_html('<span class="cc-excerpt" style="white-space: pre-line">{}</span>', as_written(said))
