"""The preview of a text that is being written, and its length in tokens."""

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.text import LONGEST_ANSWER
from labeling.desk.rules.drafts import storable
from labeling.model_versions.queries import tokens_of


class TextSerializer(serializers.Serializer[None]):
    text = serializers.JSONField()  # a CharField would refuse what is shown as a visible mark, such as NUL

    def validate_text(self, text: object) -> str:
        if not isinstance(text, str):
            raise serializers.ValidationError("This is no text.")
        if len(text) > LONGEST_ANSWER:
            message = _("This is too long to be shown: at most %(limit)s characters fit.")
            raise serializers.ValidationError(message % {"limit": f"{LONGEST_ANSWER:,}"})
        return storable(text)


class PreviewView(APIView):
    """POST {text} → {html, tokens}: the HTML is harmless, by the renderer of every page; tokens null without a model.

    400: longer than a demonstration may be.
    """

    def post(self, request: Request) -> Response:
        sent = TextSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        text = sent.validated_data["text"]
        html = render_markdown(text, headings_from=TEXT_HEADINGS_FROM)
        return Response({"html": html, "tokens": tokens_of(text)})
