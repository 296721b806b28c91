"""The form of an export: the options that the commands have."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from labeling.base.admin.fields import choice, switch
from labeling.base.states import LabelsChosen
from labeling.campaigns.models.campaigns import Campaign
from labeling.exports.rules import moment_of
from labeling.exports.services.selection import KINDS
from labeling.exports.services.snapshots import SnapshotOptions
from labeling.model_versions.models import RewardModel
from lm.snapshot.records.constants import SPLITS

EVERYTHING = ("", lazy("all of them"))


class MomentField(forms.CharField):
    """A time as ISO 8601, in UTC unless it says otherwise; empty is None."""

    def __init__(self, **options: object) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextInputWidget(), **options)  # type: ignore[arg-type]

    def clean(self, value: object) -> datetime | None:
        text = super().clean(value)
        if not text.strip():
            return None
        try:
            return moment_of(text)
        except ValueError:
            message = _("“%(text)s” is no time; write it like 2026-01-31T18:00:00Z.") % {"text": text}
            raise forms.ValidationError(message) from None


class ExportForm(forms.Form):
    rankings = switch(lazy("Rankings"), initial=True, help_text=lazy("K-way groups: the truth that training reads."))
    pairs = switch(lazy("Pairs"), help_text=lazy("The comparisons in them, as TRL's conversational preferences."))
    demonstrations = switch(lazy("Demonstrations"), initial=True)
    prompts = switch(lazy("Prompts"), help_text=lazy("All that are not set aside, with labels or without: for PPO."))
    campaign = choice(lazy("Campaign"), ())
    reward_model = choice(lazy("Only what feeds the reward model"), ())
    split = choice(lazy("Split"), [EVERYTHING, *((split, split) for split in SPLITS)])
    since = MomentField(
        label=lazy("Handed in after"), help_text=lazy("Such as the time of the export before. Empty: from the start.")
    )
    as_of = MomentField(label=lazy("Handed in up to"), help_text=lazy("Such as 2026-01-31T18:00Z. Empty: now."))
    include_simulated = switch(lazy("Simulated labelers' work, too"))
    held_out = switch(lazy("Held-out labelers' work, and nobody else's"))
    include_imported = switch(lazy("Existing comparisons that were imported, too"))
    include_left_out = switch(lazy("What was left out of training, too"))
    labels = choice(
        lazy("Of tasks that several labelers ranked"),
        LabelsChosen.choices,
        initial=LabelsChosen.ALL,
        help_text=lazy("Consensus: by ranked pairs, and adjudicated tasks as they were adjudicated."),
    )
    margins = switch(lazy("How much better, as TRL's column margin"), help_text=lazy("In pairs: from 0 to 1."))
    parquet = switch(lazy("Parquet, too"), help_text=lazy("Beside the JSONL files."))

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        campaigns = Campaign.objects.order_by("slug").values_list("slug", "name")
        models = RewardModel.objects.order_by("slug").values_list("slug", "name")
        for name, known in (("campaign", campaigns), ("reward_model", models)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [EVERYTHING, *known]
        for name in ("campaign", "split", "reward_model", "labels"):
            self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        """Adds `options`, as write_snapshot takes them."""
        cleaned: dict[str, Any] = super().clean() or {}
        return cleaned if self.errors else cleaned | {"options": self._options(cleaned)}

    def _options(self, cleaned: dict[str, Any]) -> SnapshotOptions:
        return SnapshotOptions(
            kinds=[kind for kind in KINDS if cleaned[kind]],
            campaign=cleaned["campaign"] or None,
            split=cleaned["split"] or None,
            since=cleaned["since"],
            as_of=cleaned["as_of"],
            include_simulated=cleaned["include_simulated"],
            held_out=cleaned["held_out"],
            include_imported=cleaned["include_imported"],
            include_left_out=cleaned["include_left_out"],
            labels=cleaned["labels"] or LabelsChosen.ALL,
            reward_model=cleaned["reward_model"] or None,
            margins=cleaned["margins"],
            parquet=cleaned["parquet"],
        )
