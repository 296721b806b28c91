"""How a worker does a run of any kind to its end, and what it is called on the disk."""

import logging
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from labeling.base.refusals import Refusal
from labeling.base.states import IllegalMove
from labeling.training.models import AnyRun, Run
from labeling.training.services.heartbeat import heartbeats
from labeling.training.services.runs import RunAbandoned, fail_run, put_back_run
from labeling.training.services.trainer_process import TrainerFailed, TrainerInterrupted, TrainerStopped

log = logging.getLogger(__name__)


class CannotTrain(Exception):
    """The run can't go on for a reason that a person can mend; the message says which."""


def carry_out(run: AnyRun, work: Callable[[AnyRun], None]) -> None:
    """Does a claimed run to its end by `work`, or goes on with one that was interrupted.

    Every failure is written into the run; nothing half-made is promoted. Interrupted, the run is put back for the next
    worker.
    """
    try:
        with heartbeats(run):
            work(run)
    except (RunAbandoned, IllegalMove) as ended:
        log.warning("%s was ended from outside: %s", run, ended)
    except TrainerStopped:
        put_back_run(run=run, why="Its worker was stopped.", claim=run.claim, counts=False)
    except TrainerInterrupted as interrupted:
        put_back_run(run=run, why=str(interrupted), claim=run.claim, counts=True)
    except (CannotTrain, Refusal, TrainerFailed) as failure:
        fail_run(run=run, reason=str(failure))
    except Exception as failure:
        fail_run(run=run, reason=f"{type(failure).__name__}: {failure}")
        raise
    except BaseException:  # Ctrl-C, or a worker that is told to exit
        put_back_run(run=run, why="Its worker was stopped.", claim=run.claim, counts=False)
        raise


def name_on_disk(run: Run, prefix: str) -> str:
    """A directory name that no other run has, not even one of an earlier database over the same disk."""
    return f"{prefix}-{run.pk}-{run.created_at:%Y%m%dT%H%M%SZ}"


def output_of(run: Run, prefix: str) -> Path:
    """Where its checkpoint is written: what an earlier worker began is gone on with there."""
    return Path(run.output_path or Path(settings.CHECKPOINTS_DIR) / name_on_disk(run, prefix))


def log_of(run: Run) -> Path:
    return Path(settings.VAR_DIR) / "log" / f"{str(run).lower().replace(' ', '-')}.log"
