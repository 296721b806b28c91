"""The base classes of every model's admin: a page to read, and buttons that call the services that may change it.

The admin of a model is in the model's capability. What a later capability knows of it comes as a mixin: a BaseAdmin
with columns, buttons and `page_context` of its own. labeling/admin.py puts them together and registers the page.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.contrib import messages
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import linebreaksbr
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django_stubs_ext import StrOrPromise, StrPromise
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from labeling.base.admin.notes_in_words import note_in_words
from labeling.base.admin.refusals_in_words import refusal_in_words
from labeling.base.as_written import as_written
from labeling.base.refusals import Refusal
from labeling.base.states import IllegalMove

if TYPE_CHECKING:  # unfold is not typed; what it adds to Django's class is declared in BaseAdmin
    from django.contrib.admin import ModelAdmin

    ThemedAdmin = ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as ThemedAdmin

Method = TypeVar("Method", bound=Callable[..., Any])


def button(
    description: StrPromise, *, icon: str, primary: bool = False, permission: str = "operate"
) -> Callable[[Method], Method]:
    """A button on a page that leads to a confirmation (confirmation.py); for those who may change the noun, or for whom
    the noun's has_…_permission says so.
    """
    variant = ActionVariant.PRIMARY if primary else ActionVariant.DEFAULT
    return cast(
        "Callable[[Method], Method]",
        action(description=description, icon=icon, variant=variant, permissions=[permission]),
    )


class Colours(dict[str, str]):
    """By value. The theme shows a value that has none as it is stored, in place of its word."""

    def __missing__(self, value: str) -> str:
        return "default"


def column(
    description: StrOrPromise, *, label: dict[str, str] | None = None, ordering: str | None = None
) -> Callable[[Method], Method]:
    """A column of a list or a line of a page. `label`: the colour of each value, which is given as (value, word); of a
    value that it lacks the word is shown in grey.
    """
    colours = None if label is None else Colours(label)
    return cast("Callable[[Method], Method]", display(description=description, label=colours, ordering=ordering))


def as_json(value: object) -> str:
    """A value as people read JSON; a dash for one that is empty. A long one scrolls, also by keys."""
    if not value:
        return "-"
    return format_html('<pre class="cc-code" tabindex="0">{}</pre>', json.dumps(value, ensure_ascii=False, indent=2))


def shown(field: str, label: StrPromise) -> Any:
    """A column with the field's own value (or its choice's word) under a label that is translated."""

    @column(label, ordering=field)
    def value(row: Any) -> Any:
        word = getattr(row, f"get_{field}_display", None)
        said = word() if word else getattr(row, field)
        if isinstance(said, bool):
            return gettext("yes" if said else "no")
        return linebreaksbr(as_written(said)) if isinstance(said, str) and not said.isprintable() else said

    return value


def written(field: str, label: StrPromise) -> Any:
    """The same of what a person wrote in their own words."""

    @column(label, ordering=field)
    def value(row: Any) -> str:
        return linebreaksbr(as_written(getattr(row, field))) or "-"

    return value


def noted(field: str, label: StrPromise) -> Any:
    """The same of what services and workers write down in English, in the reader's language."""

    @column(label, ordering=field)
    def value(row: Any) -> str:
        return note_in_words(getattr(row, field))

    return value


class BaseAdmin(ThemedAdmin):
    """The admin of one model. Only services write, so nothing is deleted. A subclass that allows saving says so."""

    actions_list: Sequence[str] = ()
    actions_detail: Sequence[str | dict[str, Any]] = ()
    add_fieldsets: Sequence[Any] = ()
    change_form_outer_before_template: str | None = None
    list_fullwidth = True
    warn_unsaved_form = False
    list_filter_submit = True

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_operate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:  # noqa: ARG002
        """Whether the user may press the noun's buttons: Django's change permission, also where no field is open."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Shows a service's refusal that the form did not foresee as a message on the page."""
        shown = {"show_save_and_add_another": False}
        try:
            return super().changeform_view(request, object_id, form_url, shown | (extra_context or {}))
        except (Refusal, IllegalMove) as refusal:
            messages.error(request, refusal_in_words(refusal))
            return HttpResponseRedirect(request.get_full_path())

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,  # noqa: FBT001, FBT002
        change: bool = False,  # noqa: FBT001, FBT002
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        if obj is not None:
            context |= self.page_context(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:  # noqa: ARG002
        """Returns what the template of the row's page shows beside its fields; mixins add to what super() returns."""
        return {}

    def find(self, request: HttpRequest, object_id: str) -> Any:
        """The row of the page. Raises Http404."""
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404
        return found

    def _get_obj_does_not_exist_redirect(self, *_: Any) -> HttpResponse:
        """404, as buttons answer, where Django leads to the front page: nothing tells a row that is somebody else's
        from one that never was.
        """
        raise Http404

    def page_of(self, row: Model) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[quote(row.pk)])

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """The buttons that make sense for this row."""
        every = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        row = self.get_object(request, str(object_id))
        if row is None:
            return []
        offered = {f"{self.opts.app_label}_{self.opts.model_name}_{name}" for name in self.buttons_for(row)}
        return [each for each in every if each.action_name in offered]

    def buttons_for(self, row: Any) -> Iterable[str]:  # noqa: ARG002
        """Returns the names of the buttons to show: none whose action would be refused."""
        return [name for name in self.actions_detail if isinstance(name, str)]


class RecordAdmin(BaseAdmin):
    """The admin of a model whose rows can only be read."""

    change_form_template = "base/admin/record.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False
