"""Usage by programs: tokens in and out, by day."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.filters import by_day, by_relation
from labeling.base.admin.model_admins import RecordAdmin, shown
from labeling.serving.models import ChatUsage


@admin.register(ChatUsage)
class ChatUsageAdmin(RecordAdmin):
    list_display = (
        shown("day", lazy("Day")),
        shown("token", lazy("API token")),
        shown("requests", lazy("Requests")),
        shown("prompt_tokens", lazy("Tokens read")),
        shown("completion_tokens", lazy("Tokens written")),
    )
    list_filter = (*by_relation("token"), *by_day("day"))
    list_select_related = ("token",)
    fields = ("token", "day", "requests", "prompt_tokens", "completion_tokens")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChatUsage]:
        """As with tokens themselves: whoever may not change accounts sees their own programs alone."""
        found: QuerySet[ChatUsage] = super().get_queryset(request)
        return found if request.user.has_perm("auth.change_user") else found.filter(token__user=request.user.pk)
