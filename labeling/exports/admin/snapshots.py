"""Snapshots: what each holds, its download, which is refused if a byte of it changed, and filters by what it holds."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django_stubs_ext import StrOrPromise

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.filters import DropdownFilter
from labeling.base.admin.model_admins import RecordAdmin, as_json, button, column, shown
from labeling.base.admin.notes_in_words import note_in_words
from labeling.base.admin.refusals_in_words import refusal_in_words
from labeling.base.refusals import SnapshotRefused
from labeling.base.states import ExportState
from labeling.base.text import whole_number
from labeling.exports.forms import ExportForm
from labeling.exports.models import Snapshot, SnapshotRequest
from labeling.exports.services.archive import archive_of
from labeling.exports.services.requests import SNAPSHOT_REQUESTS, request_snapshot
from labeling.exports.services.selected import demonstrations_of, rankings_of
from labeling.exports.services.selection import Selection
from lm.snapshot.manifest import LeftOut
from lm.snapshot.records.constants import SPLITS

KIND_WORDS: dict[str, StrOrPromise] = {
    "rankings": lazy("Rankings"),
    "pairs": lazy("Pairs"),
    "demonstrations": lazy("Demonstrations"),
    "prompts": lazy("Prompts"),
}
SNAPSHOTS_OFFERED = 50
"""The latest ones are offered; an address may name any."""


@admin.register(Snapshot)
class SnapshotAdmin(RecordAdmin):
    list_display = (
        "name",
        shown("as_of", lazy("As of")),
        "holds",
        "size",
        "kinds",
        shown("made_by", lazy("Made by")),
        shown("created_at", lazy("Created")),
    )
    search_fields = ("path", "sha256", "made_by")
    list_before_template = "exports/admin/requests.html"
    actions_list = ("export",)
    change_form_outer_before_template = "exports/admin/snapshot.html"
    fields = ("path", "as_of", "sha256", "size", "filters_text", "made_by", "created_at")
    readonly_fields = ("size", "filters_text")
    actions_detail = ("download",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, under the exports that are on their way or failed lately."""
        return super().changelist_view(request, {"unfinished": unfinished_requests(), **(extra_context or {})})

    @button(lazy("Export"), icon="ios_share", primary=True)
    def export(self, request: HttpRequest) -> HttpResponse:
        asker = request.user
        assert isinstance(asker, User)  # who may press it

        def act(cleaned: dict[str, Any]) -> str:
            asked = request_snapshot(user=asker, **cleaned["options"])
            self.log_addition(request, asked, [{"added": {}}])
            if SNAPSHOT_REQUESTS.send():
                return _("The export is on its way; it is listed here when it is made.")
            return _("The export waits: Redis can't be reached, beat sends it later.")

        confirmation = Confirmation(
            title=_("Export labels"),
            consequences=[
                _("A worker writes a snapshot: a directory that never changes, with a dataset card. It is listed here "
                  "and can be downloaded."),
            ],
            button=_("Export"),
            back=reverse("admin:labeling_snapshot_changelist"),
            form=ExportForm,
        )  # fmt: skip
        return confirm(self, request, confirmation, act)

    def page_context(self, request: HttpRequest, snapshot: Snapshot) -> dict[str, Any]:
        return super().page_context(request, snapshot) | {
            "snapshot": snapshot,
            "splits": split_sizes(snapshot.counts),
            "left_out": left_out_in_words(snapshot.left_out),
            "runs": snapshot.trainingruns.select_related("model_version").order_by("-id"),
            "policy_runs": snapshot.policyruns.select_related("model_version").order_by("-id"),
        }

    @column(lazy("Snapshot"), ordering="pk")
    def name(self, snapshot: Snapshot) -> str:
        return f"#{snapshot.pk}"

    @column(lazy("Holds"))
    def holds(self, snapshot: Snapshot) -> str:
        return in_short(snapshot.counts)

    @column(lazy("Size"), ordering="bytes")
    def size(self, snapshot: Snapshot) -> str:
        return filesizeformat(snapshot.bytes)

    @column(lazy("Kinds"))
    def kinds(self, snapshot: Snapshot) -> str:
        return ", ".join(str(KIND_WORDS.get(kind, kind)) for kind in snapshot.filters.get("kinds", []))

    @column(lazy("Filters"))
    def filters_text(self, snapshot: Snapshot) -> str:
        return as_json(snapshot.filters)

    @button(lazy("Download"), icon="download", primary=True)
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse | StreamingHttpResponse:
        """A .tar.gz, after every hash was checked; a refusal is a message on the snapshot's page."""
        snapshot = self.find(request, object_id)
        try:
            archive = archive_of(snapshot)
        except SnapshotRefused as refused:
            messages.error(request, _("It can't be downloaded: %(why)s") % {"why": refusal_in_words(refused)})
            return HttpResponseRedirect(self.page_of(snapshot))
        return StreamingHttpResponse(
            archive.chunks,
            content_type="application/gzip",
            headers={"Content-Disposition": f'attachment; filename="{archive.name}"'},
        )


def unfinished_requests() -> list[tuple[SnapshotRequest, str]]:
    """Exports that wait or are being made, and those that failed within a day, with why."""
    lately = timezone.now() - timedelta(days=1)
    unfinished = Q(state=ExportState.WAITING) | Q(state=ExportState.FAILED, finished_at__gt=lately)
    found = SnapshotRequest.objects.filter(unfinished).select_related("asked_by").order_by("-id")[:20]
    return [(each, note_in_words(each.failure)) for each in found]


def split_sizes(counts: Mapping[str, Mapping[str, int]]) -> list[tuple[str, list[int]]]:
    """(split, [rankings, usable pairs, prompts, labelers, demonstrations]) of a snapshot, train first."""
    names = [split for split in SPLITS if split in counts] + sorted(set(counts) - set(SPLITS))
    columns = ("rankings", "usable_pairs", "prompts", "labelers", "demonstrations")
    return [(split, [counts[split].get(column, 0) for column in columns]) for split in names]


WHY_LEFT_OUT = {
    "ranking": lazy("%(count)s that were left out one by one"),
    "demonstration": lazy("%(count)s that were left out one by one"),
    "labeler": lazy("%(count)s of labelers who are left out"),
    "campaign": lazy("%(count)s of campaigns that are left out"),
    "prompt_import": lazy("%(count)s of imports that are left out"),
    "prompt": lazy("%(count)s of prompts that were withdrawn"),
    "use": lazy("%(count)s by the use of their campaigns"),
}
LABELS = {
    "rankings": lazy("Rankings"),
    "demonstrations": lazy("Demonstrations"),
    "imported_rankings": lazy("Existing comparisons"),
    "prompts": lazy("Prompts"),
}


def left_out_in_words(left_out: LeftOut) -> list[tuple[StrOrPromise, list[str]]]:
    """(Rankings, ["3 of labelers who are left out", …]) for each kind of label of which something is left out."""
    return [
        (LABELS[kind], [WHY_LEFT_OUT[why] % {"count": f"{count:,}"} for why, count in reasons.items()])
        for kind, reasons in left_out.items()
    ]


def in_short(counts: Mapping[str, Mapping[str, int]]) -> str:
    """A snapshot's size: "1,204 rankings, 60 demonstrations"."""
    rankings = sum(split.get("rankings", 0) for split in counts.values())
    demonstrations = sum(split.get("demonstrations", 0) for split in counts.values())
    return _("%(rankings)s rankings, %(demonstrations)s demonstrations") % {
        "rankings": f"{rankings:,}",
        "demonstrations": f"{demonstrations:,}",
    }


class SnapshotFilter(DropdownFilter):
    """Exactly the labels that a snapshot holds: as of its time, with its filters, and of revisions the last."""

    title = lazy("snapshot")
    parameter_name = "snapshot"
    labels_of: Any
    """Selection → the labels that it holds (services/selected.py)."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [(str(snapshot.pk), str(snapshot)) for snapshot in Snapshot.objects.order_by("-id")[:SNAPSHOTS_OFFERED]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        number = self.value() or ""
        pk = whole_number(number, highest=2**63 - 1)
        snapshot = None if pk is None else Snapshot.objects.filter(pk=pk).first()
        if snapshot is None:
            return queryset
        selection = Selection.of_snapshot(as_of=snapshot.as_of, filters=snapshot.filters)
        return queryset.filter(pk__in=type(self).labels_of(selection).order_by().values("pk"))


class RankingsOfSnapshotFilter(SnapshotFilter):
    labels_of = staticmethod(rankings_of)


class DemonstrationsOfSnapshotFilter(SnapshotFilter):
    labels_of = staticmethod(demonstrations_of)
