"""What programs may still ask of the policy, and which models they may name."""

from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db.models import OuterRef, Subquery

from labeling.base.states import CheckState, ModelKind
from labeling.model_versions.models import ModelCheck, ModelVersion
from labeling.people.tokens.models import ApiToken
from labeling.serving.models import ChatUsage


def today() -> date:
    return datetime.now(UTC).date()


def seconds_left_today() -> int:
    now = datetime.now(UTC)
    tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
    return int((tomorrow - now).total_seconds()) + 1


def quota_of(token: ApiToken) -> int:
    """Tokens a day, read and written; 0: as many as it likes."""
    own = token.tokens_per_day
    return int(settings.SERVING_TOKENS_PER_DAY if own is None else own)


def used_today(token: ApiToken) -> int:
    used = ChatUsage.objects.filter(token=token, day=today()).first()
    return used.tokens if used else 0


def usage_of(token: ApiToken, days: int) -> list[ChatUsage]:
    """By day, the newest first; of this token alone."""
    since = today() - timedelta(days=days - 1)
    return list(ChatUsage.objects.filter(token=token, day__gte=since).order_by("-day"))


def servable_versions() -> list[ModelVersion]:
    """The language models that a worker has tried and found to work, the newest first."""
    last = ModelCheck.objects.filter(model_version=OuterRef("pk")).order_by("-pk").values("state")[:1]
    found = ModelVersion.objects.filter(kind=ModelKind.SFT).annotate(checked=Subquery(last))
    return list(found.filter(checked=CheckState.PASSED))
