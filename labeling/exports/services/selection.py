"""Which records go into a snapshot. Contradictory filters are refused before anything is read or written."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NotRequired, Self, TypedDict

from labeling.base.export_lock import settled_now
from labeling.base.refusals import ModelRefused, SnapshotRefused
from labeling.base.states import CampaignStage, CampaignUse, LabelsChosen
from labeling.campaigns.models.campaigns import Campaign
from labeling.model_versions.queries import reward_model_named
from lm.snapshot.manifest import utc_text
from lm.snapshot.records.constants import SPLITS

LABELS = ("demonstrations", "pairs", "rankings")
"""What labelers made: what a snapshot holds where nobody says what."""
KINDS = (*LABELS, "prompts")


class Filters(TypedDict):
    """A selection but for its time, as manifest.json states it (docs/data-contract.md).

    The last three are what the reward model and the campaigns were set to when it was made.
    """

    kinds: list[str]
    campaign: str | None
    split: str | None
    include_simulated: bool
    held_out: bool
    since: str | None
    margins: bool
    include_imported: NotRequired[bool]
    labels: NotRequired[str]  # every snapshot says so that is made now
    include_left_out: bool
    reward_model: str | None
    campaigns: list[str] | None
    evaluate_only: list[str]
    never_train: list[str]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The records of a snapshot: everything of these kinds, handed in after `since`, up to and including `as_of`.

    `margins`: pairs say how much better the chosen one is. `labels`: which rankings of a task that several people
    ranked. Campaigns by their slugs: `campaigns` feed the reward model; of `evaluate_only` the train split is left out,
    of `never_train` everything.
    """

    as_of: datetime
    kinds: tuple[str, ...]
    campaign: str | None = None
    split: str | None = None
    include_simulated: bool = False
    held_out: bool = False
    since: datetime | None = None
    margins: bool = False
    include_imported: bool = False
    include_left_out: bool = False
    labels: LabelsChosen = LabelsChosen.ALL
    reward_model: str | None = None
    campaigns: tuple[str, ...] | None = None
    evaluate_only: tuple[str, ...] = ()
    never_train: tuple[str, ...] = ()

    @classmethod
    def of_snapshot(cls, *, as_of: datetime, filters: Filters) -> Self:
        """What `filters` below, read from a manifest, selected."""
        return cls(
            as_of=as_of,
            kinds=tuple(filters["kinds"]),
            campaign=filters["campaign"],
            split=filters["split"],
            include_simulated=filters["include_simulated"],
            held_out=filters["held_out"],
            since=datetime.fromisoformat(since) if (since := filters.get("since")) else None,
            margins=filters.get("margins", False),
            include_imported=filters.get("include_imported", False),
            include_left_out=filters["include_left_out"],
            labels=LabelsChosen(filters.get("labels", LabelsChosen.ALL)),
            reward_model=filters["reward_model"],
            campaigns=None if filters["campaigns"] is None else tuple(filters["campaigns"]),
            evaluate_only=tuple(filters["evaluate_only"]),
            never_train=tuple(filters["never_train"]),
        )

    def filters(self) -> Filters:
        """Returns the filters as the manifest states them."""
        filters = Filters(
            kinds=list(self.kinds),
            campaign=self.campaign,
            split=self.split,
            include_simulated=self.include_simulated,
            held_out=self.held_out,
            since=None if self.since is None else utc_text(self.since),
            margins=self.margins,
            include_left_out=self.include_left_out,
            labels=self.labels.value,
            reward_model=self.reward_model,
            campaigns=None if self.campaigns is None else list(self.campaigns),
            evaluate_only=list(self.evaluate_only),
            never_train=list(self.never_train),
        )
        if self.include_imported:
            filters["include_imported"] = True
        return filters


def select(
    *,
    kinds: Iterable[str],
    as_of: datetime | None,
    campaign: str | None,
    split: str | None,
    include_simulated: bool,
    held_out: bool,
    since: datetime | None = None,
    margins: bool = False,
    include_imported: bool = False,
    include_left_out: bool = False,
    labels: str = LabelsChosen.ALL,
    reward_model: str | None = None,
) -> Selection:
    """Raises SnapshotRefused for unknown kinds, campaigns, splits and reward models, and for a time that isn't over."""
    kinds = tuple(sorted(set(kinds)))
    if not kinds or set(kinds) - set(KINDS):
        raise SnapshotRefused(
            f"A snapshot holds one or more of {', '.join(KINDS)}, not {', '.join(kinds) or 'nothing'}."
        )
    if split is not None and split not in SPLITS:
        raise SnapshotRefused(f"There is no split “{split}”; the splits are {', '.join(SPLITS)}.")
    if split is not None and held_out:
        raise SnapshotRefused("Held-out labelers' work is in none of the splits; ask for one or the other.")
    if margins and "pairs" not in kinds:
        raise SnapshotRefused("Margins belong to pairs, and no pairs are asked for. Add the kind pairs.")
    chosen = _labels(labels, kinds=kinds, held_out=held_out)
    if campaign is not None:
        _check_campaign(campaign)
    until = _settled(as_of)
    return Selection(
        as_of=until,
        since=_before(since, until),
        margins=margins,
        kinds=kinds,
        campaign=campaign,
        split=split,
        include_simulated=include_simulated,
        held_out=held_out,
        include_imported=include_imported,
        include_left_out=include_left_out,
        labels=chosen,
        reward_model=reward_model,
        campaigns=None if reward_model is None else _campaigns_of(reward_model),
        evaluate_only=_campaigns_with(CampaignUse.EVALUATE_ONLY),
        never_train=_campaigns_with(CampaignUse.NEVER_TRAIN),
    )


def _labels(labels: str, *, kinds: tuple[str, ...], held_out: bool) -> LabelsChosen:
    if labels not in LabelsChosen.values:
        raise SnapshotRefused(f"There are no labels “{labels}”; choose one of {', '.join(LabelsChosen.values)}.")
    chosen = LabelsChosen(labels)
    if chosen != LabelsChosen.ALL and kinds == ("demonstrations",):
        raise SnapshotRefused(
            f"Demonstrations are not combined, so there are no {chosen} ones. Ask for rankings or pairs as well."
        )
    if chosen == LabelsChosen.ADJUDICATED and held_out:
        raise SnapshotRefused("An adjudication is nobody's own work, so none is held out; ask for one or the other.")
    return chosen


def _campaigns_of(reward_model: str) -> tuple[str, ...]:
    """The slugs of the campaigns that feed it."""
    try:
        found = reward_model_named(reward_model)
    except ModelRefused as refused:
        raise SnapshotRefused(str(refused)) from refused
    return tuple(found.source.campaigns.order_by("slug").values_list("slug", flat=True))


def _campaigns_with(use: CampaignUse) -> tuple[str, ...]:
    return tuple(Campaign.objects.filter(use=use).order_by("slug").values_list("slug", flat=True))


def _check_campaign(slug: str) -> None:
    known = list(Campaign.objects.order_by("slug").values_list("slug", flat=True))
    if slug not in known:
        raise SnapshotRefused(f"There is no campaign “{slug}”; the campaigns are: {', '.join(known) or 'none yet'}.")
    stage = CampaignStage(Campaign.objects.get(slug=slug).stage)
    if stage != CampaignStage.WORK:
        raise SnapshotRefused(f"“{slug}” is a campaign of {stage}: what is done in it is no label, and never exported.")


def _before(since: datetime | None, until: datetime) -> datetime | None:
    if since is None:
        return None
    if since.tzinfo is None:
        raise SnapshotRefused(f"The time {since.isoformat()} names no time zone; write {since.isoformat()}Z for UTC.")
    if since >= until:
        raise SnapshotRefused(
            f"Nothing can be handed in after {since.isoformat()} and up to {until.isoformat()}; give an earlier time."
        )
    return since.astimezone(UTC)


def _settled(as_of: datetime | None) -> datetime:
    """A time before which every label is committed, so that the same selection holds the same rows for ever."""
    now = settled_now()
    if as_of is None:
        return now
    if as_of.tzinfo is None:
        raise SnapshotRefused(f"The time {as_of.isoformat()} names no time zone; write {as_of.isoformat()}Z for UTC.")
    if as_of > now:
        raise SnapshotRefused(
            f"{as_of.isoformat()} is still to come (it is {now.isoformat()}); what will be in it can't be known."
        )
    return as_of.astimezone(UTC)
