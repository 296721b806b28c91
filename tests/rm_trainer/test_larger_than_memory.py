"""A snapshot that memory doesn't hold, read in a process whose memory the kernel limits.

RLIMIT_DATA counts what a process allocates and not the files that it maps, which the kernel lets go of when it must.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lm.snapshots import ranking, write_snapshot
from tests.rm_trainer.commands import ROOT

RANKINGS, CHARACTERS, ROOM = 400, 25_000, 24 << 20
"""As int32 the two sequences of every ranking take 400 · 2 · 25,000 · 4 bytes = 80 MB, and 24 MiB are there."""

READ_ALL = """
import resource, sys
from pathlib import Path
from lm.training.batches import shuffled_batches
from rm_trainer.dataset import tokenized_rankings
from lm.training.dealing import pack
from rm_trainer.model import load_base_model
from lm.training.read_ahead import ReadAhead
from lm.rendering import Renderer
from lm.snapshot.reading import open_snapshot

class Letters(Renderer):  # a token of every letter, as the tiny tokenizer has it, in a hundredth of the time
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.conversations._encoded = self.conversations._as_text = lambda text, **_: list(text.encode())

base, data, small, cache = sys.argv[1:]
_, renderer = load_base_model(base, max_length=512, seed=0)
letters = Letters(renderer.tokenizer, max_length=10**6, vocabulary=261)

def rankings(snapshot):
    return tokenized_rankings(open_snapshot(Path(snapshot)), "train", letters, Path(cache))

def read(dataset):
    shuffled = shuffled_batches(dataset.column("prompt_id"), size=8, epochs=1, seed=0)
    with ReadAhead(list(dataset.select(batch)) for batch in shuffled) as batches:
        sizes = ([len(one.tokens.ids) for one in batch] for batch in batches)
        return sum(len(part) for batch in sizes for part in pack(batch, 60_000))

read(rankings(small))  # buffers and threads are made now
taken = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, (taken + ROOM, taken + ROOM))
dataset = rankings(data)
print(read(dataset))
try:
    list(dataset)
except (MemoryError, RuntimeError) as full:  # torch has no class of its own for it
    print(repr(full))  # Python's own says nothing
""".replace("ROOM", str(ROOM))


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    def records(count: int) -> list[dict[str, object]]:
        return [ranking(n, [("good", 1), ("bad", 2)], prompt=f"{n} " + "x" * CHARACTERS) for n in range(count)]

    root = tmp_path_factory.mktemp("large")
    large = write_snapshot(root / "large", rankings={"train": records(RANKINGS)}, shard_size=150)
    return large, write_snapshot(root / "small", rankings={"train": records(16)})


def test_a_snapshot_larger_than_memory_is_tokenised_and_read(
    tmp_path: Path, tiny_base: Path, snapshots: tuple[Path, Path]
) -> None:
    """All at once don't fit, which proves that the limit is one."""
    arguments = [str(tiny_base), *(str(one) for one in snapshots), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    read, refusal = done.stdout.splitlines()
    assert int(read) == RANKINGS
    assert "allocate" in refusal or "MemoryError" in refusal
