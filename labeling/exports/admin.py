"""Snapshots: what each holds, and its download, which is refused if a byte of it changed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.nouns import RecordAdmin, column, door, shown
from labeling.base.refusals import SnapshotRefused
from labeling.exports.models import Snapshot
from labeling.exports.services.archive import tar_gz
from lm.errors import Refused
from lm.snapshot.manifest import MANIFEST_NAME, verify_snapshot


@admin.register(Snapshot)
class SnapshotAdmin(RecordAdmin):
    list_display = (
        "name",
        shown("as_of", lazy("As of")),
        "holds",
        "size",
        "kinds",
        shown("created_at", lazy("Created")),
    )
    search_fields = ("path", "sha256")
    change_form_outer_before_template = "exports/admin/snapshot.html"
    fields = ("path", "as_of", "sha256", "size", "filters_text", "created_at")
    readonly_fields = ("size", "filters_text")
    actions_detail = ("download",)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        snapshot = self.find(request, object_id)
        shown = {
            "snapshot": snapshot,
            "splits": split_sizes(snapshot.counts),
            "runs": snapshot.training_runs.select_related("model_version").order_by("-id"),
        }
        return super().change_view(request, object_id, form_url, (extra_context or {}) | shown)

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
        return ", ".join(snapshot.filters.get("kinds", []))

    @column(lazy("Filters"))
    def filters_text(self, snapshot: Snapshot) -> str:
        return format_html('<pre class="cc-code">{}</pre>', json.dumps(snapshot.filters, ensure_ascii=False, indent=2))

    @door(lazy("Download"), icon="download", primary=True)
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse | StreamingHttpResponse:
        """A .tar.gz, after every hash was checked; a refusal is a message on the snapshot's page."""
        snapshot = self.find(request, object_id)
        directory = Path(snapshot.path)
        try:
            names = _checked_files(snapshot, directory)
        except (SnapshotRefused, Refused) as refused:
            messages.error(request, _("It can't be downloaded: %(why)s") % {"why": refused})
            return HttpResponseRedirect(self.page_of(snapshot))
        stem = f"snapshot-{snapshot.pk}-{snapshot.sha256[:8]}"
        archive = tar_gz(directory, names, prefix=stem, modified=snapshot.as_of.timestamp())
        return StreamingHttpResponse(
            archive,
            content_type="application/gzip",
            headers={"Content-Disposition": f'attachment; filename="{stem}.tar.gz"'},
        )


def _checked_files(snapshot: Snapshot, directory: Path) -> Sequence[str]:
    manifest = verify_snapshot(directory)
    if manifest.sha256 != snapshot.sha256:
        raise SnapshotRefused(f"{directory} holds another snapshot than the one on record. Export again.")
    return [MANIFEST_NAME, *(entry.path for entry in manifest.files)]


def split_sizes(counts: Mapping[str, Mapping[str, int]]) -> list[tuple[str, list[int]]]:
    """(split, [rankings, usable pairs, prompts, labelers, demonstrations]) of a snapshot, train first."""
    order = ("train", "valid", "test")
    names = [split for split in order if split in counts] + sorted(set(counts) - set(order))
    columns = ("rankings", "usable_pairs", "prompts", "labelers", "demonstrations")
    return [(split, [counts[split].get(column, 0) for column in columns]) for split in names]


def in_short(counts: Mapping[str, Mapping[str, int]]) -> str:
    """A snapshot's size: "1,204 rankings, 60 demonstrations"."""
    rankings = sum(split.get("rankings", 0) for split in counts.values())
    demonstrations = sum(split.get("demonstrations", 0) for split in counts.values())
    return _("%(rankings)s rankings, %(demonstrations)s demonstrations") % {
        "rankings": f"{rankings:,}",
        "demonstrations": f"{demonstrations:,}",
    }
