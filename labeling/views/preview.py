"""What a text will look like, and how long it is, while it is being written."""

from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from labeling.forms import LONGEST_DEMONSTRATION
from labeling.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.queries.tokens import tokens_of
from labeling.views.access import LabelerRequest, labeler_page


@require_POST
@labeler_page
def preview(request: LabelerRequest) -> HttpResponse:
    """POST text → {html, tokens}; tokens is null where no model's tokenizer is at hand. 413 for what is too long."""
    text = request.POST.get("text", "")
    if len(text) > LONGEST_DEMONSTRATION:
        said = _("Over %(limit)s characters there is no preview.") % {"limit": f"{LONGEST_DEMONSTRATION:,}"}
        return JsonResponse({"detail": said}, status=413)
    return JsonResponse({"html": render_markdown(text, headings_from=TEXT_HEADINGS_FROM), "tokens": tokens_of(text)})
