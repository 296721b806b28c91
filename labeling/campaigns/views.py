from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.views.decorators.http import require_POST, require_safe

from labeling.campaigns.managers.queries import campaigns_of
from labeling.campaigns.models.versions import InstructionVersion
from labeling.campaigns.queries import has_read, instructions_of, own_campaigns
from labeling.campaigns.services.campaigns import acknowledge
from labeling.people.queries import labeler_of
from labeling.people.views.access import LabelerRequest, labeler_page


@require_safe
@login_required
def instructions(request: HttpRequest, slug: str) -> HttpResponse:
    may_view = request.user.has_perm("labeling.view_campaign")
    staff = may_view and campaigns_of(request.user).filter(slug=slug).exists()
    labeler = labeler_of(request.user)
    if not staff and (labeler is None or not own_campaigns(labeler).filter(slug=slug).exists()):
        raise Http404
    try:
        page = instructions_of(slug, interface_language=get_language() or "en", drafts_too=staff)
    except InstructionVersion.DoesNotExist:
        raise Http404 from None
    # Who is on the way in reads them before the first task, and says so here.
    unread = labeler is not None and not staff and not has_read(labeler, page.pk)
    return render(request, "campaigns/instructions.html", {"page": page, "unread": unread})


@require_POST
@labeler_page
def acknowledge_instructions(request: LabelerRequest, version: int) -> HttpResponse:
    """The button “I have read this”: leads back to the work for which the instructions had to be read."""
    own = InstructionVersion.objects.filter(campaign__in=own_campaigns(request.labeler))
    acknowledge(labeler=request.labeler, instruction_version=get_object_or_404(own, pk=version))
    back = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return redirect(back if is_ours and back.startswith("/") else reverse("overview"))
