"""Real workers: one that is stopped, at once or in its own time, is missed by nobody; one that is killed is."""

import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from labeling.models import WorkerSign
from tests.processes import processes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def ended(worker: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Told again where it did not hear: a signal can come in the middle of Celery's start."""
    for _ in range(3):
        worker.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            worker.wait(20)
            return
    raise AssertionError(f"it did not end by {how.name}")


@pytest.mark.parametrize(
    ("how", "missed"), [(signal.SIGTERM, False), (signal.SIGQUIT, False), (signal.SIGKILL, True)], ids=str
)
def test_only_one_that_is_killed_is_missed(
    process_environment: dict[str, str], tmp_path: Path, how: signal.Signals, *, missed: bool
) -> None:
    with processes(process_environment, tmp_path) as started:
        worker = started.worker("some", "suggestions,sampling")
        started.wait_for("it says that it is up", WorkerSign.objects.exists)
        ended(worker, how)
    assert WorkerSign.objects.exists() is missed
