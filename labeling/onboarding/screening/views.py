"""The self-assessment of candidates, and the page on which reviewers grade demonstrations without their author."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from labeling.base.admin.refusals_in_words import refusal_in_words
from labeling.base.interruptions import Action, Interruption, show_interruption
from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.refusals import ScreeningRefused
from labeling.desk.demonstrating.models import Demonstration
from labeling.onboarding.screening.forms import AboutYouForm, GradeForm
from labeling.onboarding.screening.models import HIGHEST_GRADE, LOWEST_GRADE, SelfAssessment
from labeling.onboarding.screening.queries.grading import gradable_by, to_grade, ungraded_by
from labeling.onboarding.screening.services import assess_oneself, grade_demonstration
from labeling.people.roles.queries import may_review
from labeling.people.views.access import LabelerRequest, labeler_page


@require_http_methods(["GET", "HEAD", "POST"])
@labeler_page
def about_you(request: LabelerRequest) -> HttpResponse:
    if request.method != "POST":
        written = SelfAssessment.objects.filter(labeler=request.labeler).values("topics", "groups", "note").first()
        form = AboutYouForm(initial=dict(written) if written else None)
        return render(request, "onboarding/about_you.html", {"form": form})
    form = AboutYouForm(request.POST)
    if not form.is_valid():
        return render(request, "onboarding/about_you.html", {"form": form}, status=422)
    assess_oneself(labeler=request.labeler, **form.cleaned_data)
    messages.success(request, _("Saved. You can change it until a decision is made."))
    return redirect("path")


@require_safe
@never_cache
@login_required
def grading(request: HttpRequest) -> HttpResponse:
    """Leads to the next demonstration that the reviewer has not graded."""
    reviewer = _reviewer(request)
    found = ungraded_by(reviewer).first()
    if found is not None:
        return redirect("grading_demonstration", pk=found.pk)
    page = Interruption(
        title=_("Nothing to grade right now"),
        text=_("Demonstrations that candidates write in screening come here, without their names."),
        icon="check",
        actions=[Action(label=_("Open the admin"), url=reverse("admin:index"))] if request.user.is_staff else [],
    )
    return show_interruption(request, page)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def grading_demonstration(request: HttpRequest, pk: int) -> HttpResponse:
    reviewer = _reviewer(request)
    demonstration = (
        gradable_by(reviewer).filter(pk=pk).select_related("prompt__campaign", "instruction_version").first()
    )
    if demonstration is None:
        raise Http404
    if request.method != "POST":
        return _grading_page(request, demonstration, GradeForm(), status=200)
    form = GradeForm(request.POST)
    if not form.is_valid():
        return _grading_page(request, demonstration, form, status=422)
    try:
        grade_demonstration(demonstration=demonstration, reviewer=reviewer, **form.cleaned_data)
    except ScreeningRefused as refused:
        messages.error(request, refusal_in_words(refused))
        return redirect("grading")
    said = _("Graded %(grade)d of 7.") % {"grade": form.cleaned_data["grade"]}
    again = reverse("grading_demonstration", args=[demonstration.pk])
    messages.success(request, format_html('{} <a href="{}">{}</a>', said, again, _("Change it")))
    return redirect("grading")


def _grading_page(request: HttpRequest, demonstration: Demonstration, form: GradeForm, *, status: int) -> HttpResponse:
    reviewer = _reviewer(request)
    shown = to_grade(demonstration, reviewer, interface_language=get_language() or "en")
    given = shown.grade
    context = {
        "shown": shown,
        "html": render_markdown(shown.text, headings_from=TEXT_HEADINGS_FROM),
        "instructions": render_markdown(shown.instructions, headings_from=3),
        "form": form,
        "grades": range(LOWEST_GRADE, HIGHEST_GRADE + 1),
        "chosen": request.POST.get("grade") or (str(given.grade) if given else ""),
        "note": request.POST.get("note") or (given.note if given else ""),
        "waiting": ungraded_by(reviewer).count(),
    }
    return render(request, "onboarding/grading.html", context, status=status)


def _reviewer(request: HttpRequest) -> User:
    """Raises PermissionDenied: whoever may not review."""
    user = request.user
    if not isinstance(user, User) or not may_review(user):
        raise PermissionDenied
    return user
