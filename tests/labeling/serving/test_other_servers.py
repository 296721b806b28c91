"""SERVING_URL leads to something else than our server, or to one of another version: said, and no page breaks."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from labeling.base.refusals import ServingUnavailable
from labeling.models import ModelVersion, SamplerReport, ServerReport
from labeling.serving.services import server
from labeling.serving.services.following import follow_promotions
from labeling.serving.services.reports import report_server
from labeling.serving.services.streaming import Sampling, stream_chat
from tests.labeling.admin_cast import admin_browser
from tests.labeling.console.test_control_room import rows_of
from tests.labeling.serving.programs import HELLO
from tests.sampler.backends.scripted_server import Exchange, scripted_server, streaming

pytestmark = pytest.mark.django_db


@pytest.fixture
def current() -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name="sft-1", path="/tiny", state="current")


def saying(body: Any) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.reply(body)


VLLM = {"object": "list", "data": [{"id": "sft-1", "object": "model"}]}


@pytest.mark.parametrize("body", [VLLM, {"models": [["sft-1"]]}, {"models": {"sft-1": 3}}, [], "no", None, 7])
def test_what_is_no_server_of_ours_counts_as_one_that_does_not_answer(
    body: object, settings: Settings, current: ModelVersion
) -> None:
    with scripted_server(saying(body)) as other:
        settings.SERVING_URL = other.address
        with pytest.raises(ServingUnavailable):
            server.models()
        follow_promotions()
        report_server()
    [row] = rows_of(admin_browser().get("/control/servers.csv"))
    assert (row["state"], row["models"]) == ("does not answer", "–")


@pytest.mark.parametrize(
    "answer",
    [
        streaming("data: 3"),
        streaming("data: []", "data: [DONE]"),
        lambda exchange: exchange.reply(
            {"error": {"message": "busy"}}, status=503, Retry_After="Fri, 27 Nov 2026 14:00:00 GMT"
        ),
    ],
)
def test_answers_of_other_shapes_are_no_fault_of_ours(
    answer: Callable[[Exchange], None], settings: Settings, current: ModelVersion
) -> None:
    with scripted_server(answer) as other:
        settings.SERVING_URL = other.address
        with pytest.raises(ServingUnavailable) as refusal:
            stream_chat(version=None, messages=HELLO, sampling=Sampling(), scope="")
    assert 0 < refusal.value.wait_seconds < 60


def test_those_of_another_version_say_less_or_more_and_pages_show_what_they_know(
    settings: Settings, current: ModelVersion
) -> None:
    settings.SERVING_URL = "http://127.0.0.1:1"
    told: dict[str, dict[str, Any]] = {
        "sft-1": {"path": "/tiny", "state": "ready", "aliases": ["policy"]},
        "sft-2": {"state": "resting", "age": 3},
    }
    ServerReport.objects.create(address=settings.SERVING_URL, answers=True, told=told, at=timezone.now())
    SamplerReport.objects.create(
        worker="old@host", model_version=current, sight={"prompt_tokens": 5}, at=timezone.now()
    )
    admin = admin_browser()
    [row] = rows_of(admin.get("/control/servers.csv"))
    assert (row["models"], row["requests"]) == ("sft-1 (policy): loaded · sft-2: resting", "0")
    assert "sft-1 (policy): loaded" in admin.get("/admin/").text
    metrics = admin.get("/metrics")
    assert metrics.status_code == 200
    assert "old@host" not in metrics.text
