"""Tokens are made once, are the same as those made in memory, and are made again when they can't be trusted."""

import os
import resource
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lm.errors import Failed, Refused
from lm.prompt_format import Message
from lm.rendering import Rendered, Renderer
from lm.snapshot.reading import open_snapshot
from rm_trainer.dataset import TokenDataset, tokenized_demonstrations, tokenized_rankings, with_pairs
from rm_trainer.model import load_base_model
from rm_trainer.token_cache import UNUSED_SECONDS, forget_unused, open_tokens
from rm_trainer.token_file import TokenFile, TokenizedRanking
from tests.lm.snapshots import demonstration, ranking, write_snapshot
from tests.rm_trainer.tokenized import tokenized

MIXED = [
    ranking(
        k, [(f"answer {k} {n}" * n, 1 + n % min(k, 3)) for n in range(1, k + 1)], prompt="Say " * (150 if k == 5 else k)
    )
    for k in range(2, 11)
]
"""K from 2 to 10, a prompt over the tiny model's limit of 512 tokens among them."""
FEW = [ranking(number, [("good", 1), ("bad", 2)]) for number in range(1, 4)]


@pytest.fixture(scope="module")
def renderer(tiny_base: Path) -> Renderer:
    return load_base_model(str(tiny_base), max_length=512, seed=0)[1]


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prompts that were rendered since the test began."""
    seen: list[str] = []
    tokens = Renderer.tokens

    def counting(self: Renderer, prompt: Sequence[Message], completions: Sequence[str]) -> Rendered:
        seen.append(prompt[0]["content"])
        return tokens(self, prompt, completions)

    monkeypatch.setattr(Renderer, "tokens", counting)
    return seen


def cached(snapshot: Path, renderer: Renderer, cache: Path) -> TokenDataset[TokenizedRanking]:
    return tokenized_rankings(open_snapshot(snapshot), "train", renderer, cache)


def assert_same(ours: Sequence[TokenizedRanking], theirs: Sequence[TokenizedRanking]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.ranking == other.ranking
        assert one.tokens.ids.dtype == other.tokens.ids.dtype == torch.int32
        assert one.tokens.ids.tolist() == other.tokens.ids.tolist()
        assert replace(one.tokens, ids=other.tokens.ids) == other.tokens


@pytest.mark.parametrize("shard_size", [100, 4, 1])
def test_rankings_from_the_disk_equal_those_made_in_memory(tmp_path: Path, renderer: Renderer, shard_size: int) -> None:
    snapshot = write_snapshot(tmp_path / "data", rankings={"train": MIXED}, shard_size=shard_size)
    groups = cached(snapshot, renderer, tmp_path / "cache")
    in_memory = tokenized(MIXED, renderer)
    assert_same(groups, in_memory)
    assert_same(groups[2:7], in_memory[2:7])
    assert_same([groups[-1]], [in_memory[-1]])
    assert sum(group.tokens.dropped > 0 for group in groups) == 1
    with pytest.raises(IndexError):
        groups[9]


def test_choosing_reads_an_item_when_it_is_asked_for_and_not_before(tmp_path: Path, renderer: Renderer) -> None:
    snapshot = open_snapshot(write_snapshot(tmp_path / "data", rankings={"train": MIXED}, shard_size=2))
    files = [open_tokens(shard, renderer, tmp_path / "cache") for shard in snapshot.shards("rankings", "train")]
    read = []

    def watched(file: TokenFile, number: int) -> int:
        read.append(int(file.rows[number]["id"]))
        return read[-1]

    chosen = TokenDataset(files, watched).select([4, 2, 0, 1])
    share = chosen[1::2]
    assert (len(chosen), len(share), read) == (4, 2, [])
    assert share.column("id").tolist() == [4, 3]
    assert list(share) == read == [4, 3]


def test_a_ranking_that_is_one_tie_is_passed_over(tmp_path: Path, renderer: Renderer) -> None:
    records = [FEW[0], ranking(9, [("a", 1), ("b", 1)]), FEW[1]]
    snapshot = write_snapshot(tmp_path / "data", rankings={"train": records}, shard_size=2)
    usable = with_pairs(cached(snapshot, renderer, tmp_path / "cache"))
    assert [group.ranking.ranking_id for group in usable] == [1, 2]


def test_a_second_run_makes_no_token(tmp_path: Path, renderer: Renderer, rendered: list[str]) -> None:
    ideals = {"train": [demonstration(1, "frog")]}
    snapshot = open_snapshot(write_snapshot(tmp_path / "data", rankings={"train": FEW}, demonstrations=ideals))
    for _ in range(2):
        tokenized_rankings(snapshot, "train", renderer, tmp_path / "cache")
        (ideal,) = tokenized_demonstrations(snapshot, "train", renderer, tmp_path / "cache")
    assert len(rendered) == 4
    assert renderer.tokenizer.decode(ideal.sequences()[0]).endswith("assistant\nfrog<|im_end|>\n")


def test_of_a_snapshot_that_has_grown_only_the_new_files_are_tokenised(
    tmp_path: Path, renderer: Renderer, rendered: list[str]
) -> None:
    cached(write_snapshot(tmp_path / "a", rankings={"train": FEW}, shard_size=2), renderer, tmp_path / "cache")
    rendered.clear()
    more = [*FEW[:2], ranking(8, [("a", 1), ("b", 2)], prompt="New?")]
    groups = cached(
        write_snapshot(tmp_path / "b", rankings={"train": more}, shard_size=2), renderer, tmp_path / "cache"
    )
    assert rendered == ["New?"]
    assert_same(groups, tokenized(more, renderer))


def test_another_limit_or_template_makes_other_tokens(tmp_path: Path, tiny_base: Path) -> None:
    snapshot = write_snapshot(tmp_path / "data", rankings={"train": FEW})
    whole = load_base_model(str(tiny_base), max_length=512, seed=0)[1]
    short = load_base_model(str(tiny_base), max_length=60, seed=0)[1]
    other = load_base_model(str(tiny_base), max_length=512, seed=0)[1]
    other.tokenizer.chat_template = other.tokenizer.chat_template.replace("user", "person").replace("\n", " ")
    for rendering in (whole, short, other):
        assert_same(cached(snapshot, rendering, tmp_path / "cache"), tokenized(FEW, rendering))
    assert len({rendering.fingerprint for rendering in (whole, short, other)}) == 3
    assert load_base_model(str(tiny_base), max_length=512, seed=1)[1].fingerprint == whole.fingerprint


def entry_in(cache: Path) -> Path:
    (entry,) = [path for path in cache.iterdir() if not path.name.startswith(".")]
    return entry


@pytest.mark.parametrize("name", ["tokens.bin", "rows.bin", "remarks.json", "entry.json"])
@pytest.mark.parametrize("damage", [
    lambda path: path.write_bytes(path.read_bytes()[:-2]),
    lambda path: path.write_bytes(b"\xff" + path.read_bytes()[1:]),
    lambda path: path.unlink(),
])  # fmt: skip
def test_a_damaged_entry_is_made_again(
    tmp_path: Path, renderer: Renderer, rendered: list[str], name: str, damage: Callable[[Path], Any]
) -> None:
    snapshot = write_snapshot(tmp_path / "data", rankings={"train": FEW})
    cached(snapshot, renderer, tmp_path / "cache")
    damage(entry_in(tmp_path / "cache") / name)
    rendered.clear()
    groups = cached(snapshot, renderer, tmp_path / "cache")
    assert len(rendered) == 3
    assert_same(groups, tokenized(FEW, renderer))


def test_of_two_trainers_at_once_one_makes_the_tokens(tmp_path: Path, renderer: Renderer, rendered: list[str]) -> None:
    snapshot = write_snapshot(tmp_path / "data", rankings={"train": MIXED})
    with ThreadPoolExecutor() as trainers:
        at_once = [trainers.submit(cached, snapshot, renderer, tmp_path / "cache") for _ in range(4)]
    for one in at_once:
        assert_same(one.result()[:2], tokenized(MIXED[:2], renderer))
    assert len(rendered) - 8 == len(MIXED)


def test_what_a_killed_trainer_left_half_written_is_written_anew(
    tmp_path: Path, renderer: Renderer, rendered: list[str]
) -> None:
    snapshot = write_snapshot(tmp_path / "data", rankings={"train": FEW})
    cached(snapshot, renderer, tmp_path / "cache")
    entry = entry_in(tmp_path / "cache")
    (entry / "entry.json").unlink()
    half = entry.rename(entry.with_name(f".{entry.name}.0123456789abcdef.partial"))
    rendered.clear()
    assert_same(cached(snapshot, renderer, tmp_path / "cache"), tokenized(FEW, renderer))
    assert len(rendered) == 6
    assert not half.exists()


def test_a_full_disk_fails_in_words_and_leaves_nothing(tmp_path: Path, renderer: Renderer) -> None:
    snapshot = write_snapshot(tmp_path / "data", rankings={"train": MIXED})
    renderer.fingerprint  # noqa: B018  (it writes the tokenizer once, for which there is room)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
    try:
        with pytest.raises(Failed, match="File too large"):
            cached(snapshot, renderer, tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_cache_that_cannot_be_written_to_is_refused(tmp_path: Path, renderer: Renderer) -> None:
    snapshot = write_snapshot(tmp_path / "data", rankings={"train": FEW})
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"can't be written to .*Give another --cache-directory"):
        cached(snapshot, renderer, tmp_path / "file" / "cache")


def test_what_was_not_used_for_a_month_is_forgotten(tmp_path: Path, renderer: Renderer, rendered: list[str]) -> None:
    snapshot = write_snapshot(tmp_path / "data", rankings={"train": FEW})
    cached(snapshot, renderer, tmp_path / "cache")
    forget_unused(tmp_path / "cache")
    entry = entry_in(tmp_path / "cache")
    old = entry.stat().st_mtime - UNUSED_SECONDS - 60
    os.utime(entry, (old, old))
    groups = cached(snapshot, renderer, tmp_path / "cache")  # used, so young again
    forget_unused(tmp_path / "cache")
    assert entry.exists()
    somebody_elses = tmp_path / "cache" / "data"
    somebody_elses.mkdir()
    for path in (entry, somebody_elses):
        os.utime(path, (old, old))
    forget_unused(tmp_path / "cache")
    assert not entry.exists()
    assert somebody_elses.exists()
    assert_same(groups, tokenized(FEW, renderer))  # who has it open still reads it


def test_an_empty_file_is_no_ranking(tmp_path: Path, renderer: Renderer) -> None:
    snapshot = write_snapshot(tmp_path / "data", rankings={"train": FEW}, shard_size=100, empty=("valid",))
    assert list(tokenized_rankings(open_snapshot(snapshot), "valid", renderer, tmp_path / "cache")) == []


def test_a_ranking_that_two_files_hold_is_refused(tmp_path: Path, renderer: Renderer) -> None:
    snapshot = write_snapshot(tmp_path / "data", rankings={"train": [*FEW, FEW[0]]}, shard_size=3)
    with pytest.raises(Refused, match="holds ranking 1 more than once in its split train"):
        cached(snapshot, renderer, tmp_path / "cache")
