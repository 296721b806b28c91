"""The admin of what belongs to campaigns: campaign managers find the rows of theirs, and get 404 for others."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest

from labeling.base.admin.model_admins import BaseAdmin
from labeling.campaigns.managers.queries import within_campaigns_of


class OfCampaigns(BaseAdmin):
    """A noun that belongs to campaigns. Lists, pages, buttons, ticked rows and pickers all begin with get_queryset."""

    campaign_paths: ClassVar[tuple[str, ...]] = ("campaign",)
    """From a row to its campaign, as within_campaigns_of takes them."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return within_campaigns_of(request.user, super().get_queryset(request), *self.campaign_paths)
