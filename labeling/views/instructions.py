from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from labeling.models import InstructionVersion
from labeling.queries.instructions import instructions_of


@require_safe
@login_required
def instructions(request: HttpRequest, slug: str) -> HttpResponse:
    staff = bool(getattr(request.user, "is_staff", False))
    try:
        page = instructions_of(slug, interface_language=get_language() or "en", drafts_too=staff)
    except InstructionVersion.DoesNotExist:
        raise Http404 from None
    return render(request, "desk/instructions.html", {"page": page})
