"""What programs may still ask of the policy, and which models they may name."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db.models import OuterRef, QuerySet, Subquery

from labeling.base.fast_paths.gateway import find_program
from labeling.base.states import CheckState, ModelKind
from labeling.model_versions.models import ModelCheck, ModelVersion
from labeling.people.tokens.models import ApiToken
from labeling.people.tokens.services import digest_of
from labeling.serving.models import ChatUsage, ServerReport

PERMISSION = "labeling.add_chatusage"
"""What the account of a program needs."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """Who asks the policy, and what its request goes by, as all of it stood in one moment."""

    token: ApiToken
    may_ask: bool
    """Whether its account has the permission; an account that is not active has none."""
    used_today: int
    """Tokens, read and written."""
    agreed: bool
    """Whether its owner agreed that its conversations are kept."""
    current: ModelVersion | None
    """The SFT model that is current."""


def program_with(secret: str) -> Program | None:
    """The program whose token was sent, whether or not that still works."""
    found = find_program(digest=digest_of(secret), permission=PERMISSION, day=today())
    if found is None:
        return None
    token, account, permission, used, consent, current = found
    token.user = account
    return Program(
        token=token,
        may_ask=account.is_active and (account.is_superuser or permission.pk is not None),
        used_today=used.tokens if used.pk is not None else 0,
        agreed=consent.pk is not None and consent.agreed,
        current=current if current.pk is not None else None,
    )


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


def usage_of(token: ApiToken, days: int) -> list[ChatUsage]:
    """By day, the newest first; of this token alone."""
    since = today() - timedelta(days=days - 1)
    return list(ChatUsage.objects.filter(token=token, day__gte=since).order_by("-day"))


def servable_versions() -> QuerySet[ModelVersion]:
    """The language models that a worker has tried and found to work, the newest first."""
    last = ModelCheck.objects.filter(model_version=OuterRef("pk")).order_by("-pk").values("state")[:1]
    found = ModelVersion.objects.filter(kind=ModelKind.SFT).annotate(checked=Subquery(last))
    return found.filter(checked=CheckState.PASSED)


def server_reports() -> list[ServerReport]:
    """What our server said of itself last; none where none is set up, or beat has not asked it yet."""
    return list(ServerReport.objects.filter(address=settings.SERVING_URL or ""))
