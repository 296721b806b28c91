"""Labelers: made with their account, admitted, suspended, put into a group."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import choice, languages, long_text, password, several, text
from labeling.base.admin.filters import DropdownFilter, by_choice, yes_or_no
from labeling.base.admin.model_admins import BaseAdmin, button, column
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.language import names_of
from labeling.base.states import LabelerGroup, LabelerState, legal_moves
from labeling.people.models import Labeler
from labeling.people.services import change_labeler, change_labeler_state, create_labeler, set_quotas
from labeling.people.skills.queries import named_skills
from labeling.people.skills.services import give_skills, read_skills

LONGEST_USERNAME = 150
"""As Django's column for it."""

GROUP_HELP = lazy("Held-out labelers produce no training data; models are compared on their work.")
LANGUAGES_HELP = lazy("Work is offered in these alone.")
SKILLS_HELP = lazy("Work that asks for skills is offered only to those who have all of them.")


class LabelerForm(forms.ModelForm):  # type: ignore[type-arg]  # only the stubs are generic
    languages = languages(help_text=LANGUAGES_HELP)
    skills = several(lazy("Skills and topics"), named_skills, help_text=SKILLS_HELP)

    class Meta:
        model = Labeler
        fields = ("group", "researcher", "languages", "skills", "daily_quota", "weekly_quota")
        labels = {
            "group": lazy("Group"),
            "researcher": lazy("Researcher"),
            "daily_quota": lazy("Pieces of work a day, in all campaigns"),
            "weekly_quota": lazy("Pieces of work a week, in all campaigns"),
        }
        help_texts = {
            "group": GROUP_HELP,
            "researcher": lazy("Their rankings are what those of labelers are held against."),
        }


class NewLabelerForm(LabelerForm):
    username = text(lazy("Username"), max_length=LONGEST_USERNAME, validators=[User.username_validator])
    password = password(lazy("Password"), help_text=lazy("Tell it to the labeler; they can change it."))
    state = choice(
        lazy("State"),
        LabelerState.choices,
        initial=LabelerState.ACTIVE,
        help_text=lazy("Active labelers get real work."),
    )

    def clean_username(self) -> str:
        # As it is stored: a full-width ａｌｉｃｅ is alice.
        username: str = User.normalize_username(self.cleaned_data["username"])
        if User.objects.filter(username=username).exists():
            raise forms.ValidationError(_("There is a user of that name already."))
        if len(username) > LONGEST_USERNAME:
            raise forms.ValidationError(_("This name is too long once its characters are written out."))
        return username

    def clean_password(self) -> str:
        secret: str = self.cleaned_data["password"]
        validate_password(secret, User(username=self.cleaned_data.get("username", "")))
        return secret


class SkillsOfManyForm(forms.Form):
    lines = long_text(
        lazy("Labelers with their skills"),
        rows=12,
        help_text=lazy(
            "One a line, as CSV or from a spreadsheet: a user name, then short names of skills (alice,law,latin)."
        ),
    )


class SkillFilter(DropdownFilter):
    """Labelers who have a skill."""

    title = lazy("skill")
    parameter_name = "skill"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return named_skills()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(skills__contains=[self.value()]) if self.value() else queryset


class LabelerAdmin(BaseAdmin):
    list_display: tuple[Any, ...] = ("name", "show_state", "show_group", "languages_in_short")
    list_filter = (*by_choice("state", "group"), *yes_or_no("simulated"), SkillFilter)
    list_select_related: ClassVar[tuple[str, ...]] = ("user",)
    search_fields = ("user__username", "user__first_name", "user__last_name", "user__email")
    fieldsets: ClassVar[tuple[Any, ...]] = (
        (
            None,
            {
                "fields": (
                    "account",
                    "state_word",
                    "group",
                    "researcher",
                    "languages",
                    "skills",
                    "daily_quota",
                    "weekly_quota",
                )
            },
        ),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "password", "state", "group", "researcher", "languages", "skills")}),
    )
    readonly_fields: ClassVar[tuple[Any, ...]] = ("account", "state_word")
    actions_detail: tuple[Any, ...] = ("to_screening", "to_practice", "admit")
    actions_list: tuple[str, ...] = ("give_skills",)

    def get_form(self, request: HttpRequest, obj: Labeler | None = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        form = LabelerForm if obj else NewLabelerForm
        return super().get_form(request, obj, change, **kwargs | {"form": form})

    def save_model(self, request: HttpRequest, obj: Labeler, form: Any, change: Any) -> None:  # noqa: ARG002
        cleaned = form.cleaned_data
        group, spoken, skills = LabelerGroup(cleaned["group"]), cleaned["languages"], cleaned["skills"]
        if change:
            change_labeler(labeler=obj, group=group, languages=spoken, skills=skills, researcher=cleaned["researcher"])
            set_quotas(labeler=obj, daily=cleaned["daily_quota"], weekly=cleaned["weekly_quota"])
            return
        created = create_labeler(
            username=cleaned["username"],
            password=cleaned["password"],
            languages=spoken,
            state=LabelerState(cleaned["state"]),
            group=group,
            skills=skills,
            researcher=cleaned["researcher"],
        )
        obj.pk, obj.user = created.pk, created.user

    def buttons_for(self, row: Labeler) -> Iterable[str]:
        moves = {
            LabelerState.SCREENING: "to_screening",
            LabelerState.PRACTICE: "to_practice",
            LabelerState.ACTIVE: "admit",
        }
        return [moves[LabelerState(state)] for state in legal_moves(LabelerState(row.state)) if state in moves]

    @column(lazy("Labeler"), ordering="user__username")
    def name(self, labeler: Labeler) -> str:
        return f"{labeler} ({labeler.pseudonym})"

    @column(lazy("Account"))
    def account(self, labeler: Labeler) -> str:
        link = reverse("admin:auth_user_change", args=[labeler.user_id])
        return format_html('<a href="{}">{}</a> ({})', link, labeler, labeler.pseudonym)

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, labeler: Labeler) -> tuple[str, str]:
        return state_label(labeler)

    @column(lazy("State"))
    def state_word(self, labeler: Labeler) -> str:
        word = str(labeler.get_state_display())
        return _("%(state)s (simulated)") % {"state": word} if labeler.simulated else word

    @column(lazy("Group"), label={"held_out": "info", "simulated": "warning"}, ordering="group")
    def show_group(self, labeler: Labeler) -> tuple[str, str]:
        return ("simulated", _("Simulated")) if labeler.simulated else state_label(labeler, "group")

    @column(lazy("Languages"))
    def languages_in_short(self, labeler: Labeler) -> str:
        return names_of(labeler.languages)

    @button(lazy("Skills of many"), icon="school")
    def give_skills(self, request: HttpRequest) -> HttpResponse:
        def act(cleaned: dict[str, Any]) -> str:
            count = give_skills(read_skills(cleaned["lines"]))
            said = ngettext(
                "%(count)d labeler has other skills from now on.", "%(count)d labelers have other skills from now on.",
                count,
            )  # fmt: skip
            return said % {"count": count}

        confirmation = Confirmation(
            title=_("Which skills do they have?"),
            consequences=[_("Each of them has these skills and no others. Work that they hold stays theirs.")],
            button=_("Give these skills"),
            back=reverse("admin:labeling_labeler_changelist"),
            form=SkillsOfManyForm,
        )
        return confirm(self, request, confirmation, act)

    @button(lazy("Admit"), icon="check_circle", primary=True)
    def admit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        text = _("From now on %(labeler)s is offered work in the languages of the profile.")
        return self._confirm_state(request, object_id, LabelerState.ACTIVE, _("Admit %(labeler)s?"), [text], _("Admit"))

    @button(lazy("To screening"), icon="fact_check")
    def to_screening(self, request: HttpRequest, object_id: str) -> HttpResponse:
        text = _("%(labeler)s is offered the work of screening campaigns, and no other.")
        title = _("Put %(labeler)s into screening?")
        return self._confirm_state(request, object_id, LabelerState.SCREENING, title, [text], _("To screening"))

    @button(lazy("To practice"), icon="exercise")
    def to_practice(self, request: HttpRequest, object_id: str) -> HttpResponse:
        text = _("%(labeler)s is offered the work of practice campaigns, and no other. What is held may be finished.")
        title = _("Have %(labeler)s practise?")
        return self._confirm_state(request, object_id, LabelerState.PRACTICE, title, [text], _("To practice"))

    def _confirm_state(
        self,
        request: HttpRequest,
        object_id: str,
        state: LabelerState,
        title: str,
        consequences: list[str],
        button: str,
    ) -> HttpResponse:
        labeler = self.find(request, object_id)
        named = {"labeler": labeler}

        def act(_cleaned: dict[str, Any]) -> str:
            change_labeler_state(labeler=labeler, state=state)
            labeler.state = state
            return _("%(labeler)s is now in the state “%(state)s”.") % {
                "labeler": labeler,
                "state": labeler.get_state_display(),
            }

        confirmation = Confirmation(
            title=title % named,
            consequences=[text % named for text in consequences],
            button=button,
            back=self.page_of(labeler),
            about=[labeler],
        )
        return confirm(self, request, confirmation, act)
