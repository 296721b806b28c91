"""The API's description (OpenAPI 3), and a page that shows it from files of this server."""

from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView


class DescriptionView(SpectacularJSONAPIView):
    authentication_classes = ()
    permission_classes = ()


class DescriptionPage(SpectacularSwaggerSplitView):
    authentication_classes = ()
    permission_classes = ()
    url_name = "api_description"
    template_name = "api/description.html"
