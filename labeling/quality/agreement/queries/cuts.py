"""Which comparisons of rankings are looked at: everything that pages and charts ask of agreement is a cut."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from labeling.base.language import in_language
from labeling.campaigns.models.versions import RubricVersion
from labeling.quality.agreement.models import CompletionAgreement, Partner, RankingAgreement

RESEARCHER = "researcher"
PARTNERS = (*Partner.values, RESEARCHER)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What is left open is not cut by. `partner`: of PARTNERS; RESEARCHER: labelers who are marked as researchers.
    `campaigns`: those that whoever asks may see.

    `strength`: 1 to 4, of preferences alone. `since` is the first day and `until` the last, in the current time zone.
    """

    partner: str = Partner.LABELER.value
    campaign: int | None = None
    campaigns: tuple[int, ...] | None = None
    labeler: int | None = None
    language: str = ""
    use_case: str = ""
    k: int | None = None
    flag: str = ""
    strength: int | None = None
    since: date | None = None
    until: date | None = None
    simulated: bool = False

    def agreements(self, *, of_everybody: bool = False) -> QuerySet[RankingAgreement]:
        """The rows of the cut. Two labelers are one row, but with `of_everybody`, where each has a row as the labeler.

        With researchers, the labeler is always the one who is none.
        """
        rows = RankingAgreement.objects.filter(self._of_task(), self._of_time()).order_by()
        if self.partner == RESEARCHER:
            rows = rows.filter(partner__researcher=True, labeler__researcher=False)
        else:
            rows = rows.filter(partner_kind=self.partner)
            if self.partner == Partner.LABELER and self.labeler is None and not of_everybody:
                rows = rows.filter(labeler__lt=F("partner"))
        if self.labeler is not None:
            rows = rows.filter(labeler=self.labeler)
        return rows.filter(flags__contains=[self.flag]) if self.flag else rows

    def completions(self) -> QuerySet[CompletionAgreement]:
        """What alpha is counted from: all labelers together, whatever partner, labeler, flag or strength are cut by."""
        return CompletionAgreement.objects.filter(self._of_task(), self._of_time()).order_by()

    def columns(self) -> tuple[str, str]:
        """(the column of pairs ordered alike, that of pairs ordered differently)."""
        if self.strength is None:
            return "same", "opposed"
        return f"same_by_strength__{self.strength - 1}", f"opposed_by_strength__{self.strength - 1}"

    def _of_task(self) -> Q:
        named: dict[str, Any] = {
            "task__campaign": self.campaign,
            "task__language": self.language,
            "task__prompt__use_case": self.use_case,
            "task__k": self.k,
        }
        of_task = Q(task__campaign__simulated=self.simulated, **{key: value for key, value in named.items() if value})
        return of_task if self.campaigns is None else of_task & Q(task__campaign__in=self.campaigns)

    def _of_time(self) -> Q:
        between = Q()
        if self.since is not None:
            between &= Q(compared_at__gte=_beginning_of(self.since))
        if self.until is not None:
            between &= Q(compared_at__lt=_beginning_of(self.until + timedelta(days=1)))
        return between


def flag_names(interface_language: str) -> dict[str, str]:
    """By key, what the newest rubric that has the flag calls it."""
    rubrics = RubricVersion.objects.order_by("pk").values_list("flags", flat=True)
    return {
        flag["key"]: in_language(flag.get("label", {}), interface_language) or flag["key"]
        for flags in rubrics
        for flag in flags
    }


def _beginning_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
