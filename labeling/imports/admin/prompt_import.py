"""The button on a campaign's page that asks for a file of prompts. Its import then has a page of its own."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminFileFieldWidget

from labeling.base.admin.fields import choice, switch, text
from labeling.base.admin.model_admins import BaseAdmin, button
from labeling.base.refusals import ImportRefused
from labeling.base.states import UseCase
from labeling.campaigns.models.campaigns import Campaign
from labeling.imports.admin.sentences import in_readers_words
from labeling.imports.rules.rows import Defaults, Take
from labeling.imports.services.prompt_imports import Origin, begin_import
from labeling.imports.services.uploads import keep_upload

TAKES = [
    (Take.COMPARISONS.value, lazy("Ranked ones are existing comparisons, others are to be ranked here")),
    (Take.COMPLETIONS.value, lazy("All are to be ranked here, 4 to 9 of a prompt")),
    (Take.DEMONSTRATIONS.value, lazy("The best is a demonstration, the others are left out")),
    (Take.PROMPTS.value, lazy("Left out: only the prompts come in")),
]


class DefaultsForm(forms.Form):
    """How the file is read, and what holds where it says nothing."""

    take = choice(
        lazy("What becomes of the answers"),
        TAKES,
        help_text=lazy("Existing comparisons are marked as imported and never count as a labeler's work."),
    )
    demonstrate_compared = switch(
        lazy("Ask for demonstrations of prompts with existing comparisons, too"),
        help_text=lazy("Otherwise labelers are asked for none: such prompts only carry what was ranked elsewhere."),
    )
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
        help_text=lazy(
            "Names with commas between, also of keys inside messages. Any other unknown field refuses its line."
        ),
    )
    with_reference = switch(lazy("Rank a human reference together with the given completions"))
    take_alike = switch(
        lazy("Take prompts that only begin alike"),
        help_text=lazy("Otherwise a prompt whose first 200 columns another one has is refused as a near-duplicate."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["use_case"].required = self.fields["take"].required = False

    def defaults(
        self, campaign: Campaign, columns: dict[str, str] | None = None, *, left_out: Sequence[str] = ()
    ) -> Defaults:
        """`columns` and `left_out`: what was said of the file's columns, beside the form's own fields."""
        cleaned = self.cleaned_data
        return Defaults(
            submitter=cleaned["submitter"] or None,
            language=cleaned["language"] or None,
            languages=tuple(campaign.languages),
            use_case=UseCase(cleaned["use_case"]) if cleaned["use_case"] else None,
            with_reference=cleaned["with_reference"],
            ignore=frozenset([*left_out, *(name.strip() for name in cleaned["ignore"].split(",") if name.strip())]),
            columns=columns or {},
            take=Take(cleaned["take"] or Take.COMPARISONS),
            take_alike=cleaned["take_alike"],
            demonstrate_compared=cleaned["demonstrate_compared"],
        )


class UploadForm(DefaultsForm):
    file = forms.FileField(
        label=lazy("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".jsonl,.ndjson,.json,.csv,.tsv,.parquet"}),
    )
    dataset = text(
        lazy("Where it is from"),
        required=False,
        max_length=200,
        help_text=lazy("The name or address of the data set, kept with what comes in and written into exports."),
    )
    licence = text(
        lazy("Licence"), required=False, max_length=200, help_text=lazy("Such as CC BY 4.0; also in exports.")
    )
    field_order = ("file", "dataset", "licence")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = _(
            "JSONL, JSON, CSV or TSV in UTF-8, or Parquet, at most %(limit)d MB. Public preference formats are "
            "recognised. Nothing is imported before you have seen the preview."
        ) % {"limit": settings.IMPORT_MAX_MB}


class CampaignImport(BaseAdmin):
    """The button on a campaign's page."""

    def buttons_for(self, row: Campaign) -> Iterable[str]:
        return [*super().buttons_for(row), "import_prompts"]

    @button(lazy("Import prompts"), icon="upload_file", primary=True)
    def import_prompts(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return import_prompts(self, request, self.find(request, object_id))


def import_prompts(admin: BaseAdmin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """GET asks for a file; POST checks it and goes on to the page of its import."""
    if request.method != "POST":
        return _page(admin, request, campaign, UploadForm())
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(admin, request, campaign, form, status=422)
    file = form.cleaned_data["file"]
    assert isinstance(request.user, User)  # whoever may press the button
    try:
        begun = begin_import(
            campaign=campaign,
            upload=keep_upload(file),
            file_name=file.name or "upload",
            size=file.size,
            defaults=form.defaults(campaign),
            origin=Origin(dataset=form.cleaned_data["dataset"], licence=form.cleaned_data["licence"]),
            user=request.user,
        )
    except ImportRefused as refused:
        messages.error(request, in_readers_words(str(refused)))
        return HttpResponseRedirect(request.path)
    return HttpResponseRedirect(reverse("admin:labeling_promptimport_change", args=[begun.pk]))


def _page(
    admin: BaseAdmin, request: HttpRequest, campaign: Campaign, form: UploadForm, *, status: int = 200
) -> HttpResponse:
    limit = settings.IMPORT_MAX_MB
    too_large = _("This file is larger than %(limit)d MB, the most that is taken here. Split it.")
    context = admin.admin_site.each_context(request) | {
        "limit_bytes": limit * 1024 * 1024,
        "too_large": too_large % {"limit": limit},
        "title": _("Import prompts into “%(campaign)s”") % {"campaign": campaign},
        "opts": admin.opts,
        "campaign": campaign,
        "form": form,
        "back": admin.page_of(campaign),
    }
    return TemplateResponse(request, "imports/admin/upload.html", context, status=status)
