"""What the control room looks at, as its address says it."""

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from labeling.campaigns.models.campaigns import Campaign

DAYS = (7, 14, 28, 90)
DAYS_SHOWN = 14


class LookForm(forms.Form):
    """`campaigns`: those that whoever asks may see, by id."""

    campaign = forms.TypedChoiceField(
        label=_("Campaign"), required=False, coerce=int, empty_value=None, widget=UnfoldAdminSelectWidget()
    )
    days = forms.TypedChoiceField(
        label=_("Days"),
        required=False,
        coerce=int,
        empty_value=DAYS_SHOWN,  # type: ignore[arg-type]  # what coerce makes of the others
        choices=[(days, str(days)) for days in DAYS],
        widget=UnfoldAdminSelectWidget(),
    )

    def __init__(self, *, asked: dict[str, str], campaigns: dict[int, Campaign]) -> None:
        super().__init__({"days": str(DAYS_SHOWN)} | asked)
        every = sorted(campaigns.values(), key=lambda each: each.name)
        field = self.fields["campaign"]
        assert isinstance(field, forms.TypedChoiceField)  # as written above
        field.choices = [("", _("All campaigns")), *((each.pk, str(each)) for each in every)]
