"""Model versions that a server samples from: chosen by admins, among the environment's servers; down and up again."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling import tasks, worker_models
from labeling.base.refusals import ModelRefused
from labeling.base.states import CheckState, ModelBackend, ModelKind, TaskState
from labeling.model_versions.queries import why_unusable
from labeling.model_versions.services.backends import choose_backend
from labeling.model_versions.services.checks import check_broken_again
from labeling.models import Completion, ModelCheck, ModelVersion, RankingTask
from labeling.people.roles.rules import Role
from labeling.people.roles.services import set_roles
from labeling.ranking_tasks.services.tasks import top_up
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_prompt
from tests.labeling.models_in_use import promoted, tried
from tests.sampler.backends.scripted_server import as_asked, failing, scripted_server
from tests.tiny_models import make_tiny_model, make_tiny_reward_model

pytestmark = pytest.mark.django_db
ADDRESS = "http://vllm:8000/v1"


@pytest.fixture(autouse=True)
def _servers(settings: Any) -> None:
    settings.SAMPLING_SERVERS = [ADDRESS]
    worker_models._server_sampler.cache_clear()


@pytest.fixture
def version(tmp_path: Path) -> ModelVersion:
    return promoted(make_tiny_model(tmp_path / "tiny"))


class TestChoosing:
    def test_an_admin_chooses_a_server_and_a_worker_is_asked_to_try_it(self, version: ModelVersion) -> None:
        client = admin_browser()
        page = reverse("admin:labeling_modelversion_choose_backend", args=[version.pk])
        assert page in client.get(reverse("admin:labeling_modelversion_change", args=[version.pk])).text
        sent = {"backend": "vllm", "server": ADDRESS, "served_name": " policy "}
        assert client.post(page, sent).status_code == 302
        version.refresh_from_db()
        assert (version.backend, version.server, version.served_name) == ("vllm", ADDRESS, "policy")
        check = version.last_check
        assert check is not None
        assert check.state == CheckState.WAITING
        assert "is sampled from" in client.get(reverse("admin:labeling_modelversion_history", args=[version.pk])).text

        client.post(page, {"backend": "local", "server": ADDRESS})
        version.refresh_from_db()
        assert (version.backend, version.server, version.served_name) == ("local", "", "")

    @pytest.mark.parametrize(
        "sent",
        [
            {"backend": "vllm", "server": "http://169.254.169.254/latest", "served_name": "policy"},
            {"backend": "vllm", "server": "http://localhost:6379", "served_name": "policy"},
            {"backend": "vllm", "server": "", "served_name": "policy"},
            {"backend": "vllm", "server": ADDRESS, "served_name": " "},
            {"backend": "exec", "server": ADDRESS, "served_name": "policy"},
        ],
    )
    def test_no_other_address_is_taken(self, version: ModelVersion, sent: dict[str, str]) -> None:
        page = reverse("admin:labeling_modelversion_choose_backend", args=[version.pk])
        assert admin_browser().post(page, sent).status_code == 422
        version.refresh_from_db()
        assert version.backend == ModelBackend.LOCAL

    def test_an_engineer_who_may_promote_may_not_say_where_prompts_go(self, version: ModelVersion) -> None:
        emil = User.objects.create_user("emil")
        set_roles(user=emil, roles=frozenset({Role.ML_ENGINEER}))
        client = Client()
        client.force_login(User.objects.get(pk=emil.pk))
        page = reverse("admin:labeling_modelversion_choose_backend", args=[version.pk])
        assert page not in client.get(reverse("admin:labeling_modelversion_change", args=[version.pk])).text
        assert client.post(page, {"backend": "vllm", "server": ADDRESS, "served_name": "x"}).status_code == 403

    def test_a_reward_model_has_none(self, tmp_path: Path) -> None:
        rewarder = promoted(make_tiny_reward_model(tmp_path / "rm"), kind=ModelKind.REWARD)
        with pytest.raises(ModelRefused, match="Only SFT models"):
            choose_backend(version=rewarder, backend=ModelBackend.VLLM, server=ADDRESS, served_name="x")

    def test_a_server_that_left_the_environment_is_asked_for_nothing(
        self, version: ModelVersion, settings: Any
    ) -> None:
        choose_backend(version=version, backend=ModelBackend.VLLM, server=ADDRESS, served_name="policy")
        settings.SAMPLING_SERVERS = []
        tasks.model_versions.sample_once(ModelCheck.objects.get(state=CheckState.WAITING).pk)
        assert "no address of SAMPLING_SERVERS" in why_unusable(version)


def test_a_server_that_is_down_is_waited_for_and_goes_on_by_itself(version: ModelVersion, settings: Any) -> None:
    """The whole way over real sockets: sampled from, down, said why, tried again, sampled from."""
    campaign = make_campaign(k_min=4, k_max=4, ready_minutes=4)
    for _ in range(2):
        make_prompt(campaign)
    first, second = top_up(campaign=campaign)
    settings.SAMPLING_PROMPTS_PER_BATCH = 1
    with scripted_server(as_asked) as server:
        settings.SAMPLING_SERVERS = [server.address]
        settings.SAMPLING_SERVER_API_KEY = "sk-secret"
        choose_backend(version=version, backend=ModelBackend.VLLM, server=server.address, served_name="policy")
        tried(version)
        tasks.sampling.sample_completions([first])
        assert RankingTask.objects.get(pk=first).state == TaskState.READY
        assert Completion.objects.filter(task=first).count() == 4
        assert server.keys == ["Bearer sk-secret"]

        server.answers[:] = [failing(503, "loading the weights", Retry_After="3600")]
        tasks.sampling.sample_completions([second])
        waiting = RankingTask.objects.get(pk=second)
        assert (waiting.state, waiting.dispatched_at) == (TaskState.SAMPLING, None)
        page = admin_browser().get(reverse("admin:labeling_modelversion_change", args=[version.pk])).text
        assert "loading the weights" in page
        assert "sk-secret" not in page
        tasks.sampling.top_up_ready_queues()
        assert RankingTask.objects.get(pk=second).dispatched_at is None  # nobody knocks at it meanwhile

        for _beat in range(3):  # an hour of it, in beats
            ModelCheck.objects.update(finished_at=timezone.now() - timedelta(minutes=6))
            check_broken_again()
            tasks.model_versions.sample_once(ModelCheck.objects.get(state=CheckState.WAITING).pk)
            assert why_unusable(version)
        asked = len(server.requests)
        server.answers[:] = [as_asked]
        ModelCheck.objects.update(finished_at=timezone.now() - timedelta(minutes=6))
        check_broken_again()
        tasks.model_versions.sample_once(ModelCheck.objects.get(state=CheckState.WAITING).pk)
        assert not why_unusable(version)
        tasks.sampling.sample_completions([second])
    assert RankingTask.objects.get(pk=second).state == TaskState.READY
    assert len(server.requests) == asked + 2  # the check and the task
    assert not RankingTask.objects.filter(state=TaskState.SET_ASIDE).exists()
