"""Labelers: the languages and skills by which work is routed to them, read and set; which skills there are."""

from django.contrib.auth.models import User
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.forms.records import LabelerSerializer, SkillSerializer
from labeling.api.forms.sent import LabelerChangesSerializer, LabelersQuery, PageQuery
from labeling.api.views.base import ApiView
from labeling.base.states import ApiScope
from labeling.base.trail.actors import acting_as
from labeling.desk.queries.labelers import labelers_of
from labeling.people.services import change_labeler
from labeling.people.skills.models import Skill

READ = (ApiScope.LABELERS_READ, "labeling.view_labeler")
CHANGE = (ApiScope.LABELERS_WRITE, "labeling.change_labeler")
READ_SKILLS = (ApiScope.LABELERS_READ, "labeling.view_skill")
ID = OpenApiParameter("id", int, "path")
BY = {"username": "user__username", "skill": "skills__contains", "language": "languages__contains"}


class SkillsView(ApiView):
    needs = {"GET": READ_SKILLS}
    query_class = PageQuery
    serializer_class = SkillSerializer

    @extend_schema(operation_id="skills_list", responses=SkillSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """The skills and topics that work may ask for, newest first."""
        found = self.paginate_queryset(Skill.objects.all())
        return self.get_paginated_response(SkillSerializer(found, many=True).data)


class LabelersView(ApiView):
    needs = {"GET": READ}
    query_class = LabelersQuery
    serializer_class = LabelerSerializer

    @extend_schema(
        operation_id="labelers_list",
        responses=LabelerSerializer(many=True),
        parameters=[OpenApiParameter(name, str) for name in BY],
    )
    def get(self, request: Request) -> Response:
        """Labelers, newest first: of one name, with a skill, with a language. A campaign manager sees those who worked
        for their campaigns.
        """
        asked = {name: self.query[name] for name in BY if name in self.query}
        wanted = {BY[name]: value if name == "username" else [value] for name, value in asked.items()}
        found = self.paginate_queryset(labelers_of(request.user).filter(**wanted))
        return self.get_paginated_response(LabelerSerializer(found, many=True).data)


class LabelerView(ApiView):
    needs = {"GET": READ, "PATCH": CHANGE}
    serializer_class = LabelerSerializer

    @extend_schema(operation_id="labelers_get", parameters=[ID])
    def get(self, request: Request, pk: int) -> Response:
        """One labeler, with languages and skills."""
        return Response(LabelerSerializer(get_object_or_404(labelers_of(request.user), pk=pk)).data)

    @extend_schema(operation_id="labelers_change", parameters=[ID], request=LabelerChangesSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        """Sets their languages, their skills and topics, or both. Work that they hold stays theirs."""
        labeler = get_object_or_404(labelers_of(request.user), pk=pk)
        sent = LabelerChangesSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # InScope
        with acting_as(request.user.get_username()):
            changed = change_labeler(labeler=labeler, **sent.validated_data)
        return Response(LabelerSerializer(changed).data)
