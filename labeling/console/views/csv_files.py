"""Each table of the control room as a CSV file, of the same look as the page."""

from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase

from labeling.base.admin.tables import csv_of
from labeling.console.views.room import Room, look_of, may_look
from labeling.console.views.tables.names import OF_THE_WHOLE, TABLES


@staff_member_required
def table_as_csv(request: HttpRequest, name: str) -> HttpResponseBase:
    if not may_look(request):
        raise PermissionDenied
    look = look_of(request)
    if name not in TABLES or look.refused or (name in OF_THE_WHOLE and not look.whole):
        raise Http404
    return csv_of(TABLES[name](Room(look)))
