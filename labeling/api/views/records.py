"""What can be looked at: campaigns with their progress, model versions with their metrics, runs, evaluations."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.forms.records import (
    CampaignSerializer,
    CampaignWithProgressSerializer,
    EvaluationSerializer,
    EvaluationWithFiguresSerializer,
    ModelVersionSerializer,
    PairSerializer,
    PolicyRunSerializer,
    TrainingRunSerializer,
)
from labeling.api.forms.sent import ModelVersionsQuery, PageQuery
from labeling.api.queries import progress_of
from labeling.api.views.base import ApiView
from labeling.base.states import ApiScope, ModelKind, ModelState
from labeling.campaigns.managers.queries import campaigns_of, within_campaigns_of
from labeling.evaluations.models import Evaluation
from labeling.evaluations.queries.figures import figures_of
from labeling.model_versions.models import ModelVersion
from labeling.policies.models import PolicyRun
from labeling.training.models import TrainingRun

READ_CAMPAIGNS = (ApiScope.CAMPAIGNS_READ, "labeling.view_campaign")
READ_MODELS = (ApiScope.MODELS_READ, "labeling.view_modelversion")
READ_RUNS = (ApiScope.MODELS_READ, "labeling.view_trainingrun")
READ_POLICY_RUNS = (ApiScope.MODELS_READ, "labeling.view_policyrun")
READ_EVALUATIONS = (ApiScope.MODELS_READ, "labeling.view_evaluation")
ID = OpenApiParameter("id", int, "path")


class CampaignsView(ApiView):
    needs = {"GET": READ_CAMPAIGNS}
    query_class = PageQuery
    serializer_class = CampaignSerializer

    @extend_schema(operation_id="campaigns_list", responses=CampaignSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All campaigns, newest first; to a campaign manager those that they manage."""
        found = self.paginate_queryset(campaigns_of(request.user))
        return self.get_paginated_response(CampaignSerializer(found, many=True).data)


class CampaignView(ApiView):
    needs = {"GET": READ_CAMPAIGNS}
    serializer_class = CampaignWithProgressSerializer

    @extend_schema(operation_id="campaigns_get")
    def get(self, request: Request, slug: str) -> Response:
        """One campaign, with how far it is."""
        campaign = get_object_or_404(campaigns_of(request.user), slug=slug)
        return Response(CampaignSerializer(campaign).data | {"progress": progress_of(campaign)})


class ModelVersionsView(ApiView):
    needs = {"GET": READ_MODELS}
    query_class = ModelVersionsQuery
    serializer_class = ModelVersionSerializer

    @extend_schema(
        operation_id="model_versions_list",
        responses=ModelVersionSerializer(many=True),
        parameters=[
            OpenApiParameter("kind", str, enum=ModelKind.values),
            OpenApiParameter("state", str, enum=ModelState.values),
        ],
    )
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Model versions with their metrics, newest first; of one kind, in one state."""
        wanted = {name: value for name, value in self.query.items() if name in ("kind", "state")}
        found = self.paginate_queryset(ModelVersion.objects.filter(**wanted).prefetch_related("ensemble"))
        return self.get_paginated_response(ModelVersionSerializer(found, many=True).data)


class ModelVersionView(ApiView):
    needs = {"GET": READ_MODELS}
    serializer_class = ModelVersionSerializer

    @extend_schema(operation_id="model_versions_get", parameters=[ID])
    def get(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        """One model version with its metrics."""
        return Response(ModelVersionSerializer(get_object_or_404(ModelVersion, pk=pk)).data)


class TrainingRunsView(ApiView):
    needs = {"GET": READ_RUNS}
    query_class = PageQuery
    serializer_class = TrainingRunSerializer

    @extend_schema(operation_id="training_runs_list", responses=TrainingRunSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Training runs, newest first."""
        found = self.paginate_queryset(TrainingRun.objects.all())
        return self.get_paginated_response(TrainingRunSerializer(found, many=True).data)


class TrainingRunView(ApiView):
    needs = {"GET": READ_RUNS}
    serializer_class = TrainingRunSerializer

    @extend_schema(operation_id="training_runs_get", parameters=[ID])
    def get(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        """One training run: where it is, what came of it, or why it failed."""
        return Response(TrainingRunSerializer(get_object_or_404(TrainingRun, pk=pk)).data)


class PolicyRunsView(ApiView):
    needs = {"GET": READ_POLICY_RUNS}
    query_class = PageQuery
    serializer_class = PolicyRunSerializer

    @extend_schema(operation_id="policy_runs_list", responses=PolicyRunSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Training runs of policies (SFT, PPO, DPO), newest first."""
        found = self.paginate_queryset(PolicyRun.objects.prefetch_related("ensemble"))
        return self.get_paginated_response(PolicyRunSerializer(found, many=True).data)


class PolicyRunView(ApiView):
    needs = {"GET": READ_POLICY_RUNS}
    serializer_class = PolicyRunSerializer

    @extend_schema(operation_id="policy_runs_get", parameters=[ID])
    def get(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        """One training run of a policy: what it comes from, where it is, what came of it, or why it failed."""
        return Response(PolicyRunSerializer(get_object_or_404(PolicyRun, pk=pk)).data)


class EvaluationsView(ApiView):
    needs = {"GET": READ_EVALUATIONS}
    query_class = PageQuery
    serializer_class = EvaluationSerializer

    @extend_schema(operation_id="evaluations_list", responses=EvaluationSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Evaluations of models by people, newest first; to a campaign manager those of their campaigns."""
        found = self.paginate_queryset(_evaluations_for(request))
        return self.get_paginated_response(EvaluationSerializer(found, many=True).data)


class EvaluationView(ApiView):
    needs = {"GET": READ_EVALUATIONS}
    serializer_class = EvaluationWithFiguresSerializer

    @extend_schema(operation_id="evaluations_get", parameters=[ID])
    def get(self, request: Request, pk: int) -> Response:
        """One evaluation: how it is decided, and how often each model is preferred to each other one."""
        evaluation = get_object_or_404(_evaluations_for(request), pk=pk)
        pairs = figures_of(evaluation).pairs if evaluation.campaign_id is not None else []
        return Response(EvaluationSerializer(evaluation).data | {"pairs": PairSerializer(pairs, many=True).data})


def _evaluations_for(request: Request) -> QuerySet[Evaluation]:
    return within_campaigns_of(request.user, Evaluation.objects.select_related("source"), "source")
