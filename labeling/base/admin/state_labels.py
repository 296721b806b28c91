"""One colour for each state, the same on every page. The words are the models' own."""

from typing import Any

from django.db.models import Model

STATE_COLOURS = {
    "draft": "default",
    "active": "success",
    "paused": "warning",
    "closed": "default",
    "invited": "info",
    "screening": "info",
    "practice": "info",
    "suspended": "danger",
    "sampling": "info",
    "ready": "primary",
    "done": "success",
    "set_aside": "warning",
    "open": "primary",
    "submitted": "success",
    "skipped": "warning",
    "lapsed": "default",
    "candidate": "info",
    "current": "success",
    "retired": "default",
    "queued": "info",
    "exporting": "primary",
    "training": "primary",
    "evaluating": "primary",
    "passed": "success",
    "failed": "danger",
    "running": "info",
    "planned": "default",
    "stopped": "default",
    "rankings": "info",
    "reward_model": "primary",
    "policy": "primary",
    "evaluation": "primary",
    "promoted": "success",
    "ended": "warning",
    "undecided": "warning",
    "waiting": "info",
    "cancelled": "default",
    "delivered": "success",
    "discarded": "default",
    "kept": "default",
    "checking": "info",
    "checked": "primary",
    "importing": "primary",
    "undone": "default",
    "frozen": "primary",
    "paid": "success",
    "accepted": "success",
    "returned": "warning",
    "answered": "default",
    "fixed": "primary",
    "adjudicated": "success",
    "withdrawn": "default",
    "dismissed": "default",
    "held": "warning",
    "passed_over": "default",
    "prompt": "success",
}


def state_label(row: Model, field: str = "state") -> tuple[str, str]:
    """(state, its word), as unfold's @display(label=STATE_COLOURS) takes it."""
    return getattr(row, field), str(_display(row, field))


def _display(row: Any, field: str) -> Any:
    return getattr(row, f"get_{field}_display")()
