"""The API's addresses. The version stands in them: what would break a program comes as /api/v2/ beside it."""

from django.urls import path, re_path

from labeling.api.views.base import nothing_here
from labeling.api.views.description import DescriptionPage, DescriptionView
from labeling.api.views.labelers import LabelersView, LabelerView, SkillsView
from labeling.api.views.prompts import CampaignPromptsView, PromptView
from labeling.api.views.records import (
    CampaignsView,
    CampaignView,
    EvaluationsView,
    EvaluationView,
    ModelVersionsView,
    ModelVersionView,
    PolicyRunsView,
    PolicyRunView,
    TrainingRunsView,
    TrainingRunView,
)
from labeling.api.views.scores import ScoresView, ScoreView
from labeling.api.views.snapshots import SnapshotDownloadView, SnapshotRequestView, SnapshotsView, SnapshotView
from labeling.api.views.webhooks import DeliveriesView, WebhooksView, WebhookView

V1 = "api/v1/"

API = [
    path(f"{V1}campaigns/", CampaignsView.as_view()),
    path(f"{V1}campaigns/<slug:slug>/", CampaignView.as_view()),
    path(f"{V1}campaigns/<slug:slug>/prompts/", CampaignPromptsView.as_view()),
    path(f"{V1}prompts/<int:pk>/", PromptView.as_view()),
    path(f"{V1}snapshots/", SnapshotsView.as_view()),
    path(f"{V1}snapshots/<int:pk>/", SnapshotView.as_view()),
    path(f"{V1}snapshots/<int:pk>/download/", SnapshotDownloadView.as_view()),
    path(f"{V1}snapshot-requests/<uuid:token>/", SnapshotRequestView.as_view(), name="snapshot_request"),
    path(f"{V1}model-versions/", ModelVersionsView.as_view()),
    path(f"{V1}model-versions/<int:pk>/", ModelVersionView.as_view()),
    path(f"{V1}training-runs/", TrainingRunsView.as_view()),
    path(f"{V1}training-runs/<int:pk>/", TrainingRunView.as_view()),
    path(f"{V1}policy-runs/", PolicyRunsView.as_view()),
    path(f"{V1}policy-runs/<int:pk>/", PolicyRunView.as_view()),
    path(f"{V1}evaluations/", EvaluationsView.as_view()),
    path(f"{V1}evaluations/<int:pk>/", EvaluationView.as_view()),
    path(f"{V1}labelers/", LabelersView.as_view()),
    path(f"{V1}labelers/<int:pk>/", LabelerView.as_view()),
    path(f"{V1}skills/", SkillsView.as_view()),
    path(f"{V1}scores/", ScoresView.as_view(), name="scores"),
    path(f"{V1}scores/<uuid:token>/", ScoreView.as_view(), name="score"),
    path(f"{V1}webhooks/", WebhooksView.as_view()),
    path(f"{V1}webhooks/<int:pk>/", WebhookView.as_view()),
    path(f"{V1}webhooks/<int:pk>/deliveries/", DeliveriesView.as_view()),
]

urlpatterns = [
    path(V1, DescriptionPage.as_view(), name="api"),
    path(f"{V1}openapi.json", DescriptionView.as_view(urlconf=API), name="api_description"),
    *API,
    re_path(r"^api/(?:[\s\S]*/)?\Z", nothing_here),
]
