"""What is looked at of agreement, as the address says it."""

from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from labeling.base.admin.fields import choice, switch
from labeling.base.language import name_of
from labeling.base.states import Strength, UseCase
from labeling.campaigns.models.campaigns import Campaign
from labeling.people.models import Labeler
from labeling.quality.agreement.models import Partner, RankingAgreement
from labeling.quality.agreement.queries.cuts import RESEARCHER, Cut, flag_names
from lm.snapshot.records.constants import RANKED_HIGHEST, RANKED_LOWEST

ALL = [("", _("all"))]


def _day(label: Any) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))


class CutForm(forms.Form):
    """The filters of the page of agreement. `campaigns`: those that the user may see; None: all of them."""

    partner = choice(
        _("Compared with"),
        [*((value, label) for value, label in Partner.choices), (RESEARCHER, _("researchers"))],
        initial=Partner.LABELER,
        required=False,
    )
    campaign = choice(_("Campaign"), list, required=False)
    labeler = choice(_("Labeler"), list, required=False)
    language = choice(_("Language"), list, required=False)
    use_case = choice(_("Use case"), [*ALL, *UseCase.choices], required=False)
    k = choice(
        _("Completions"), [*ALL, *((str(k), str(k)) for k in range(RANKED_LOWEST, RANKED_HIGHEST + 1))], required=False
    )
    flag = choice(_("Flag"), list, required=False)
    strength = choice(_("Strength"), [*ALL, *((str(value), word) for value, word in Strength.choices)], required=False)
    since = _day(_("From"))
    until = _day(_("To"))
    simulated = switch(_("Simulated labelers"))

    def __init__(self, data: Any, *, campaigns: QuerySet[Campaign], sees_all: bool) -> None:
        super().__init__(data)
        self.sees_all = sees_all
        self.campaigns = list(campaigns.order_by("name").values_list("pk", "name"))
        languages = sorted({code for spoken in campaigns.values_list("languages", flat=True) for code in spoken})
        compared = RankingAgreement.objects.filter(labeler=OuterRef("pk"))
        people = Labeler.objects.filter(Exists(compared)).order_by("user__username")
        flags = flag_names(get_language() or "en")
        self._offer("campaign", [(str(pk), name) for pk, name in self.campaigns])
        self._offer("labeler", [(str(pk), name) for pk, name in people.values_list("pk", "user__username")])
        self._offer("language", [(code, name_of(code)) for code in languages])
        self._offer("flag", sorted(flags.items(), key=lambda named: named[1]))

    def _offer(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [*ALL, *choices]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", _("This is before the first day. Choose a later one."))
        return cleaned

    def cut(self) -> Cut:
        """What the valid fields say; the others don't cut."""
        said = self.cleaned_data
        number = {
            name: int(said[name]) if said.get(name) else None for name in ("campaign", "labeler", "k", "strength")
        }
        return Cut(
            partner=said.get("partner") or Partner.LABELER.value,
            language=said.get("language", ""),
            use_case=said.get("use_case", ""),
            flag=said.get("flag", ""),
            since=said.get("since"),
            until=said.get("until"),
            simulated=said.get("simulated", False),
            campaigns=None if self.sees_all else tuple(pk for pk, _name in self.campaigns),
            **number,
        )
