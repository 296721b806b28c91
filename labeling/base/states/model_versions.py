"""The kinds, states and backends of model versions."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ModelKind(models.TextChoices):
    """SFT: a language model that answers, whatever it was trained by (labeling/policies/)."""

    SFT = "sft", _("SFT")
    REWARD = "reward", _("Reward")


class ModelState(models.TextChoices):
    CANDIDATE = "candidate", _("Candidate")
    CURRENT = "current", _("Current")
    RETIRED = "retired", _("Retired")


class Half(models.TextChoices):
    """What of the split train a reward model learns from: `--half` of rm_trainer."""

    ALL = "all", _("All rankings")
    FIRST = "first", _("First half")
    SECOND = "second", _("Second half")


class ModelBackend(models.TextChoices):
    """Where a model version is sampled from. The values but the first are those of sampler/backends/dialects.py."""

    LOCAL = "local", _("Sampling workers")
    VLLM = "vllm", _("vLLM server")
    SGLANG = "sglang", _("SGLang server")
    OPENAI = "openai", _("Other server with OpenAI's API")


class CheckState(models.TextChoices):
    """Whether a worker could load a model version and use it once."""

    WAITING = "waiting", _("Waiting")
    PASSED = "passed", _("Passed")
    FAILED = "failed", _("Failed")
