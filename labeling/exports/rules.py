"""How people write the times of an export."""

from datetime import UTC, datetime


def moment_of(text: str) -> datetime:
    """ISO 8601; without a time zone it is UTC, and a date alone is its first moment. Raises ValueError, in words."""
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"“{text}” is no time; write it like 2026-01-31T18:00:00Z") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
