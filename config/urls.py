"""The root of every address. /healthz and /readyz are answered before any of these, by config/health.py."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("labeling.urls")),
]
