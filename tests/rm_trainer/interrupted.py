"""`python -m tests.rm_trainer.interrupted`: Ctrl-C inside exec of a text, as dataclasses and torch run some."""

from lm.training.command import INTERRUPTED, leave

try:
    exec("import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(60)")
except KeyboardInterrupt:
    leave(INTERRUPTED)
