"""The account of an invited person."""

from zoneinfo import available_timezones

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from labeling.base.language import name_of, own_name_of
from labeling.onboarding.invitations.models import LABELER, Invitation
from labeling.onboarding.invitations.queries import languages_of

LONGEST_USERNAME = 150
"""As Django's column for it."""


class JoinForm(forms.Form):
    """Staff are asked for no languages: those say what work a labeler is offered."""

    username = forms.CharField(
        max_length=LONGEST_USERNAME,
        validators=[User.username_validator],
        error_messages={"required": _("Choose a user name.")},
    )
    password = forms.CharField(
        strip=False, widget=forms.PasswordInput, error_messages={"required": _("Choose a password.")}
    )
    languages = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one language: work is offered in these alone.")},
    )
    time_zone = forms.ChoiceField(required=False)

    def __init__(self, invitation: Invitation, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        languages, zone = self.fields["languages"], self.fields["time_zone"]
        assert isinstance(languages, forms.MultipleChoiceField)
        assert isinstance(zone, forms.ChoiceField)
        languages.choices = [(code, _named(code)) for code in languages_of(invitation)]
        languages.required = invitation.role == LABELER
        names = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
        zone.choices = [("", _("UTC")), *((name, name.replace("_", " ")) for name in names)]

    def clean_username(self) -> str:
        # As it is stored: a full-width ａｌｉｃｅ is alice.
        username: str = User.normalize_username(self.cleaned_data["username"])
        if len(username) > LONGEST_USERNAME:
            raise forms.ValidationError(_("This name is too long once its characters are written out."))
        if User.objects.filter(username=username).exists():
            raise forms.ValidationError(_("Somebody has this user name already. Choose another one."))
        return username

    def clean_password(self) -> str:
        secret: str = self.cleaned_data["password"]
        validate_password(secret, User(username=self.cleaned_data.get("username", "")))
        return secret


def _named(code: str) -> str:
    own, name = own_name_of(code), name_of(code)
    return own if own.casefold() == name.casefold() else f"{own} ({name})"
