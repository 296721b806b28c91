"""Every table by the name that is in the address of its CSV file."""

from collections.abc import Callable, Mapping

from labeling.base.admin.tables import Table
from labeling.console.views.room import Room
from labeling.console.views.tables.machines import sampling, servers, waiting, workers_up
from labeling.console.views.tables.quality import accuracy, agreement, labelers
from labeling.console.views.tables.work import cost, per_day, progress, ready_work

TABLES: Mapping[str, Callable[[Room], Table]] = {
    "ready": ready_work,
    "progress": progress,
    "throughput": per_day,
    "cost": cost,
    "labelers": labelers,
    "agreement": agreement,
    "accuracy": accuracy,
    "sampling": sampling,
    "waiting": waiting,
    "workers": workers_up,
    "servers": servers,
}
"""By the name that is in the address."""
OF_THE_WHOLE = frozenset({"accuracy", "sampling", "servers", "waiting", "workers"})
"""These are of no campaign: for those who see all of them."""
