"""The admin's site."""

from typing import Any

from django.contrib.admin.apps import SimpleAdminConfig
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite


class AdminSite(UnfoldAdminSite):  # type: ignore[misc]  # the theme has no types
    """Makes the list of all objects only where a template shows it, since the sidebar is a list of its own: a quarter
    of the processor time of an admin page goes into the names, permissions and addresses of sixty objects.
    """

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        listed = super().get_app_list
        return SimpleLazyObject(lambda: listed(request, app_label))


class AdminConfig(SimpleAdminConfig):
    """config/urls.py finds the admin's pages; workers need none."""

    default_site = "config.admin_site.AdminSite"
