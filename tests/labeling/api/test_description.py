"""Requests of every kind that the API's description allows, and some that it doesn't: it does what it says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import Settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from config.wsgi import application
from labeling.base.states import PolicyStage
from labeling.evaluations.rules import gate
from labeling.evaluations.rules.planning import Rule
from labeling.models import Evaluation, PolicyRun
from labeling.policies.services.recipes import current_recipe
from tests.labeling.admin_cast import model_in
from tests.labeling.api.programs import make_account, token_of
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

EXAMPLES = 20
"""Of each operation."""
CHECKS = [  # a server error is no status that the description names, but for 503 where scoring has no model or worker
    status_code_conformance, content_type_conformance, response_schema_conformance,
    negative_data_rejection, unsupported_method, ignored_auth,
]  # fmt: skip


@pytest.fixture
def _one_transaction() -> Iterator[None]:
    """Outside of Django's own test client each request would end the test's connection, as it ends its own."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def described(db: None, _one_transaction: None, tmp_path: Path, settings: Settings) -> schemathesis.BaseSchema:
    settings.SNAPSHOTS_DIR = tmp_path / "snapshots"
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)


@pytest.fixture
def token(described: schemathesis.BaseSchema, tmp_path: Path) -> str:
    """Of an account that may do everything, where there is one of everything."""
    campaign = make_campaign(slug="poems")
    for _ in range(2):
        make_ready_task(make_prompt(campaign))
    rank(make_labeler("alice"), [1, 2, 3, 4])
    version = model_in(tmp_path / "tiny")
    PolicyRun.objects.create(stage="sft", recipe=current_recipe(PolicyStage.SFT), trigger="manual")
    decision = gate.decide([1.0, 0.5], Rule(margin=0, confidence=0.95, gain=0.1, power=0.8), complete=False)
    planned = Evaluation(name="Mine", source=campaign, candidate=version, demonstrations=True, size=10)
    planned.decision = decision
    planned.save()
    return token_of(make_account())


def answers_as_it_says(operation: Any, token: str) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(case=st.one_of(operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)))
    def try_it(case: Any) -> None:
        if "slug" in case.path_parameters:
            case.path_parameters["slug"] = "poems"
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        case.call_and_validate(headers=headers, checks=CHECKS)

    try_it()


@pytest.mark.slow
def test_it_answers_as_it_says_and_never_with_a_server_error(described: schemathesis.BaseSchema, token: str) -> None:
    faults: dict[str, str] = {}
    for found in described.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        try:
            answers_as_it_says(operation, token)
        except BaseExceptionGroup as found_faults:
            faults[operation.label] = "".join(map(repr, found_faults.exceptions))
    assert faults == {}
