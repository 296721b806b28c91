"""Imports prompts from a file: uploaded, previewed with every refusal and its reason, then added wholly or in part."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminFileFieldWidget

from labeling.base.admin.fields import choice, switch, text
from labeling.base.admin.nouns import NounAdmin, button
from labeling.base.refusals import ImportRefused
from labeling.base.states import UseCase
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.queries import split_for
from labeling.imports.admin.uploads import KeptUpload, keep_upload, kept_upload
from labeling.imports.rules.reading import read_prompts
from labeling.imports.rules.rows import Defaults, RefusedRow, Row
from labeling.imports.services import ImportResult, import_rows, preview

REFUSED_SHOWN = 200
ACCEPTED_SHOWN = 5


class DefaultsForm(forms.Form):
    """The defaults for fields that the file lacks. The form sends them with the ticket on to the import."""

    submitter = text(
        lazy("Submitter"),
        required=False,
        max_length=200,
        help_text=lazy("For lines without one. Left empty, each such prompt counts as its own submitter."),
    )
    language = text(
        lazy("Language"),
        required=False,
        max_length=16,
        help_text=lazy("A code such as en or zh. Left empty, it is told from the text."),
    )
    use_case = choice(lazy("Use case"), [("", "—"), *UseCase.choices])
    ignore = text(
        lazy("Fields to leave out"),
        required=False,
        help_text=lazy("Names with commas between. Any other unknown field refuses its line."),
    )
    with_reference = switch(lazy("Rank a human reference together with the given completions"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["use_case"].required = False

    def defaults(self, campaign: Campaign) -> Defaults:
        cleaned = self.cleaned_data
        return Defaults(
            submitter=cleaned["submitter"] or None,
            language=cleaned["language"] or None,
            languages=tuple(campaign.languages),
            use_case=UseCase(cleaned["use_case"]) if cleaned["use_case"] else None,
            with_reference=cleaned["with_reference"],
            ignore=frozenset(name.strip() for name in cleaned["ignore"].split(",") if name.strip()),
        )


class UploadForm(DefaultsForm):
    file = forms.FileField(
        label=lazy("File"),
        help_text=lazy("JSONL or CSV in UTF-8, a prompt a line. Nothing is imported before you have seen the preview."),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".jsonl,.ndjson,.json,.csv,.tsv"}),
    )
    field_order = ("file",)


@dataclass(frozen=True, kw_only=True)
class AcceptedRow:
    row: Row
    split: str
    text: str


class FirstRows:
    """Passes rows on and remembers the first ones, to be shown."""

    def __init__(self, rows: Iterable[Row | RefusedRow]) -> None:
        self._rows = rows
        self._first: list[Row] = []

    def __iter__(self) -> Iterator[Row | RefusedRow]:
        for row in self._rows:
            if isinstance(row, Row) and len(self._first) < 20 * ACCEPTED_SHOWN:
                self._first.append(row)
            yield row

    def accepted(self, result: ImportResult) -> list[AcceptedRow]:
        """The first rows that were not refused after all, with the split that each falls into."""
        refused = {row.line for row in result.refused}
        rows = [row for row in self._first if row.line not in refused][:ACCEPTED_SHOWN]
        return [
            AcceptedRow(row=row, split=split_for(row.messages, row.submitter), text=row.messages[-1]["content"])
            for row in rows
        ]


class CampaignImport(NounAdmin):
    """The button on a campaign's page."""

    def buttons_for(self, row: Campaign) -> Iterable[str]:
        return [*super().buttons_for(row), "import_prompts"]

    @button(lazy("Import prompts"), icon="upload_file", primary=True)
    def import_prompts(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return import_prompts(self, request, self.find(request, object_id))


def import_prompts(admin: NounAdmin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """The three steps at one address: GET asks for a file, POST with a file previews, POST with a ticket imports."""
    if request.method != "POST":
        return _page(admin, request, campaign, {"form": UploadForm()})
    try:
        return _import(admin, request, campaign) if "ticket" in request.POST else _preview(admin, request, campaign)
    except ImportRefused as refused:
        messages.error(request, str(refused))
        return HttpResponseRedirect(request.path)


def _preview(admin: NounAdmin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(admin, request, campaign, {"form": form}, status=422)
    upload = keep_upload(form.cleaned_data["file"], campaign_id=campaign.pk)
    return _show_preview(admin, request, campaign, upload, form)


def _show_preview(
    admin: NounAdmin, request: HttpRequest, campaign: Campaign, upload: KeptUpload, form: DefaultsForm
) -> HttpResponse:
    with upload.opened() as file:
        rows = FirstRows(read_prompts(file, filename=upload.name, defaults=form.defaults(campaign)))
        result = preview(campaign, rows)
    shown = {
        "upload": upload,
        "result": result,
        "accepted": rows.accepted(result),
        "refused": result.refused[:REFUSED_SHOWN],
        "refused_more": max(0, len(result.refused) - REFUSED_SHOWN),
        "carried": [(name, form.data.get(name, "")) for name in DefaultsForm.base_fields if form.data.get(name)],
    }
    return _page(admin, request, campaign, shown)


def _import(admin: NounAdmin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    form = DefaultsForm(request.POST)
    if not form.is_valid():
        raise ImportRefused(_("The preview's form was changed on the way. Upload the file again."))
    upload = kept_upload(request.POST["ticket"], campaign_id=campaign.pk)
    with upload.opened() as file:
        rows = read_prompts(file, filename=upload.name, defaults=form.defaults(campaign))
        result = import_rows(campaign, rows, keep_good="keep_good" in request.POST)
    if not result.written:
        messages.error(request, _("Nothing was imported: the campaign changed since the preview. Look again."))
        return _show_preview(admin, request, campaign, upload, form)
    outcome = _outcome(result, upload)
    admin.log_change(request, campaign, outcome)
    messages.success(request, outcome)
    upload.path.unlink(missing_ok=True)
    return HttpResponseRedirect(reverse("admin:labeling_prompt_changelist", query={"campaign__id__exact": campaign.pk}))


def _outcome(result: ImportResult, upload: KeptUpload) -> str:
    prompts = ngettext("%(count)d prompt imported", "%(count)d prompts imported", result.prompts)
    parts = [prompts % {"count": result.prompts}]
    if result.demonstrations:
        text = ngettext("%(count)d demonstration", "%(count)d demonstrations", result.demonstrations)
        parts.append(text % {"count": result.demonstrations})
    if result.ranking_tasks:
        text = ngettext("%(count)d ready ranking task", "%(count)d ready ranking tasks", result.ranking_tasks)
        parts.append(text % {"count": result.ranking_tasks})
    if result.refused:
        text = ngettext("%(count)d line left out", "%(count)d lines left out", len(result.refused))
        parts.append(text % {"count": len(result.refused)})
    return f"{upload.name}: {', '.join(parts)}."


def _page(
    admin: NounAdmin, request: HttpRequest, campaign: Campaign, shown: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    context = admin.admin_site.each_context(request) | {
        "title": _("Import prompts into “%(campaign)s”") % {"campaign": campaign},
        "opts": admin.opts,
        "campaign": campaign,
        "back": admin.page_of(campaign),
    }
    return TemplateResponse(request, "imports/admin/import_prompts.html", context | shown, status=status)
