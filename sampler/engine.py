"""Samples many completions together, and each as if it were alone: continuous batching over keys that are shared.

A prompt is read once, whatever the number of its completions. Every step then draws one token of every live row; a row
that has ended leaves at once, and the next one takes its place, so nobody waits for the longest. What is asked for by
somebody who waits goes ahead of what is queued.

    engine = Engine(model, end_tokens=[1])
    job = Job(request=request, prompt=token_ids)
    engine.submit(job)
    while not job.is_done:
        engine.step()
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from sampler.draw import Draw
from sampler.engine_attention import Pass, Reading, Writing, no_mask, use_engine_attention
from sampler.live_pass import PADDING, LivePass, Recorder, is_out_of_memory
from sampler.prefixes import Prefixes
from sampler.protocol import ModelFault
from sampler.rows import Job, LiveRow, seeded
from sampler.shared_keys import OwnKeys, PromptKeys, apart

READ_AT_ONCE = 512
"""Tokens of prompts between two steps of the rows that are live: a long one halts nobody, short ones share a pass."""
WIDE_AT_ONCE = 512
"""Where steps are recorded, rows of so many tokens get all of their room when they begin."""
PREFIX_SHARE = 0.25
"""Of the tokens that there is room for: at most so many are kept for dialogues that may go on."""

FIRST_TOKEN_BOUNDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds, in which times to the first token are counted."""

Stops = Callable[[LiveRow], bool]


class OutOfMemory(ModelFault):
    """Not even one row fits."""


@dataclass
class Sight:
    """What the engine has done since it started."""

    prompt_tokens: int = 0
    """Read; those found in a prefix left out."""
    new_tokens: int = 0
    steps: int = 0
    rows_in_steps: int = 0
    """Divided by `steps`: how many rows were live on average."""
    halvings: int = 0
    """How often memory ran out."""
    first_tokens: int = 0
    """Jobs whose first token was drawn."""
    first_token_seconds: float = 0.0
    """Of all of them together, since they were submitted."""
    first_tokens_within: dict[float, int] = field(default_factory=lambda: dict.fromkeys(FIRST_TOKEN_BOUNDS, 0))
    """How many of them came within so many seconds."""

    def note_first_token(self, seconds: float) -> None:
        self.first_tokens += 1
        self.first_token_seconds += seconds
        for bound in self.first_tokens_within:
            self.first_tokens_within[bound] += seconds <= bound


class Engine:
    """One model. `submit` may be called from any thread; `step` from one."""

    def __init__(
        self,
        model: Any,
        *,
        end_tokens: Sequence[int],
        has_stopped: Stops = lambda _: False,
        max_tokens: int = 32_768,
        max_rows: int = 256,
        records: bool | None = None,
    ) -> None:
        """`has_stopped`: whether a row's text ends the turn, asked after every token. `max_tokens`: prompts and new
        tokens of all that is live, and what is kept of dialogues; each job gets in alone, however long it is.
        `records`: whether steps that are alike are recorded and replayed; None: on a GPU."""
        self.model = model
        self.device = next(model.parameters()).device
        self.max_tokens = max_tokens
        self.max_rows = max_rows
        """Fewer after memory ran out; with each new start from nothing one more."""
        self._most_rows = max_rows
        self.sight = Sight()
        self.live: list[LiveRow] = []
        self._attention = use_engine_attention(model)
        self._ends = torch.tensor(sorted(end_tokens), dtype=torch.int64, device=self.device)
        self._end_tokens = frozenset(end_tokens)
        self._has_stopped = has_stopped
        self._own = OwnKeys()
        self._prefixes = Prefixes(max_tokens=int(PREFIX_SHARE * max_tokens))
        self._waiting: tuple[deque[Job], deque[Job]] = (deque(), deque())  # those that somebody waits for, the others
        self._lock = threading.Lock()
        self._begun: list[Job] = []
        """Jobs whose prompt is read or being read, and of which completions are still to be begun."""
        self._beginning = 0
        """Rows that are about to be live."""
        self._live_pass: LivePass | None = None
        self._records = self.device.type == "cuda" if records is None else records
        self._recorder = Recorder(self.device)

    def submit(self, job: Job) -> None:
        """Once; what it asks for is done when `job.is_done`."""
        with self._lock:
            if job.submitted:
                raise ValueError("The job was submitted already.")
            job.submitted, job.submitted_at = True, time.monotonic()
            self._waiting[0 if job.interactive else 1].append(job)

    @property
    def prefix_tokens(self) -> int:
        """Of prompts, that were not read anew."""
        return self._prefixes.hits

    @property
    def held_tokens(self) -> int:
        """Those whose keys and values are in memory, or have their room reserved."""
        return self._held() + self._prefixes.tokens

    @property
    def is_idle(self) -> bool:
        return not (self.live or self._begun or any(self._waiting))

    @torch.inference_mode()
    def step(self) -> None:
        """Reads at most READ_AT_ONCE tokens of prompts, begins rows where there is room, and draws one token of every
        live row; while nobody waits, prompts are read first, since a step of many rows hardly takes longer than one of
        few. Raises OutOfMemory."""
        self._drop_cancelled()
        failed = None
        try:
            has_read = self._read_and_begin()
            if self.live and not (has_read and self._reads_on()):
                self._write()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            failed = str(error)
        if failed is not None:  # by now the error is gone, and with it what the pass was computing
            self._halve(failed)

    # what begins

    def _read_and_begin(self) -> bool:
        """Whether some of a prompt was read."""
        jobs = self._to_be_read()
        if jobs:
            self._read(jobs)
        for job in self._in_turn():
            if job.logits is None:
                break
            self._begin_rows(job)
            if job.waiting:
                break
        return bool(jobs)

    def _to_be_read(self) -> list[Job]:
        """Whose prompts are read in this step: READ_AT_ONCE tokens of them, of the last one maybe a piece."""
        found: list[Job] = []
        unread = 0
        while unread < READ_AT_ONCE and (job := self._next_to_read(found)) is not None:
            found.append(job)
            unread += len(job.prompt) - len(job.keys)
        return found

    def _next_to_read(self, ahead: Sequence[Job]) -> Job | None:
        """Who shares a pass with those `ahead`: a row could begin beside theirs, and it is as urgent."""
        if len(self.live) + sum(len(job.waiting) for job in ahead) >= self.max_rows:
            return None
        self._take_a_waiting_job(ahead)
        job = next((job for job in self._in_turn() if job not in ahead), None)
        if job is None or job.logits is not None or any(other.interactive != job.interactive for other in ahead):
            return None
        return job

    def _reads_on(self) -> bool:
        """Whether there is more to be read, and nobody waits for the next token."""
        more = any(self._waiting) or any(job.logits is None for job in self._begun)
        return more and not any(row.job.interactive for row in self.live)

    def _take_a_waiting_job(self, ahead: Sequence[Job]) -> None:
        """While a prompt is read in pieces, or waits for room, those behind it wait, too, unless they go ahead."""
        begun = [job for job in self._begun if job not in ahead]
        with self._lock:
            for queue in self._waiting:
                if begun and (queue is self._waiting[1] or any(job.interactive for job in begun)):
                    return
                while queue and queue[0].cancelled:
                    queue.popleft()
                if queue:
                    job = queue[0]
                    if not self._has_room(job, ahead):
                        return
                    self._begun.append(queue.popleft())
                    job.keys = self._prefixes.longest(job.scope, job.prompt)
                    return

    def _has_room(self, job: Job, ahead: Sequence[Job]) -> bool:
        """For its prompt and a row, beside all rows of those `ahead`. Dialogues that may go on make room for those that
        do."""
        if not (self.live or self._begun):
            self.max_rows = min(self._most_rows, self.max_rows + 1)
        rows = 1 + sum(len(one.waiting) for one in ahead)
        widest = max(one.request.max_new_tokens for one in (job, *ahead))
        wanted = len(job.prompt) + self._held(rows=rows, new_tokens=widest)
        if wanted + self._prefixes.tokens > self.max_tokens:
            self._prefixes.shrink_to(max(0, self.max_tokens - wanted))
        return wanted <= self.max_tokens or not (self.live or self._begun)

    def _held(self, *, rows: int = 0, new_tokens: int = 0) -> int:
        """Tokens that live rows and their prompts may come to hold, with so many more `rows` of at most `new_tokens`:
        a row's own keys stand in one block with the others', which is as wide as its widest."""
        jobs = {id(row.job): row.job for row in self.live} | {id(job): job for job in self._begun}
        prompts = sum(len(job.prompt) for job in jobs.values())
        if self._records:
            prompts = int(PADDING * prompts)
        return prompts + (len(self.live) + rows) * max(self._widest(), new_tokens)

    def _widest(self) -> int:
        return max((row.job.request.max_new_tokens for row in self.live), default=0)

    def _read(self, jobs: Sequence[Job]) -> None:
        """READ_AT_ONCE tokens of their prompts at most, in one pass."""
        pieces: list[Sequence[int]] = []
        for job in jobs:
            job.keys.forget_unfinished()
            left = READ_AT_ONCE - sum(map(len, pieces))
            pieces.append(job.prompt[len(job.keys) : len(job.keys) + left])
        counts = [len(piece) for piece in pieces]
        ids = torch.tensor([[token for piece in pieces for token in piece]], device=self.device)
        positions = torch.cat(
            [torch.arange(len(job.keys), len(job.keys) + count) for job, count in zip(jobs, counts, strict=True)]
        )[None].to(self.device)
        last = torch.tensor(counts, device=self.device).cumsum(0) - 1
        logits = self._network(Reading([job.keys for job in jobs], counts), ids, positions, keep=last)
        for job, piece, own in zip(jobs, pieces, logits, strict=True):
            job.keys.tokens += piece
            self.sight.prompt_tokens += len(piece)
            if len(job.keys) == len(job.prompt):
                job.logits = own

    def _begin_rows(self, job: Job) -> None:
        """As many of its completions as there is room for, each with its first token."""
        are_first = len(job.waiting) == job.request.num_completions
        steps, count = job.request.max_new_tokens, 0
        while count < len(job.waiting) and len(self.live) + count < self.max_rows:
            if (self.live or count) and self._held(rows=count + 1, new_tokens=steps) > self.max_tokens:
                break
            count += 1
        if not count:
            return
        assert job.logits is not None
        self._beginning = count
        begun = [
            LiveRow(job=job, index=index, uniforms=seeded(job.request.seed + index, steps))
            for index in reversed(job.waiting[-count:])
        ]
        draw = self._draw_of(begun)
        uniforms = torch.stack([row.uniforms[0] for row in begun]).to(self.device)
        self._make_room(rows=len(self.live) + count, tokens=1, widest=max(self._widest(), steps), like=job.keys)
        logits = job.logits.expand(count, -1).clone()
        drawn, likeliest = draw(logits, uniforms), draw.likeliest(logits)
        self._beginning = 0  # and no memory is asked for from here on
        del job.waiting[-count:]
        if not job.waiting:
            self._begun.remove(job)
        self.live += begun
        self._own.count = len(self.live)
        self._changed()
        self._take(begun, *drawn, likeliest)
        if are_first:
            self.sight.note_first_token(time.monotonic() - job.submitted_at)

    # what goes on

    def _write(self) -> None:
        """One token of every live row."""
        rows = list(self.live)
        live = self._live_pass or self._new_pass()
        self._live_pass = live
        self._make_room(rows=len(rows), tokens=live.longest, widest=self._widest(), like=rows[0].job.keys)
        tokens = torch.tensor([row.tokens[-1] for row in rows], device=self.device)
        positions = live.lengths + live.written
        recording = self._recorder.recording_of(live, self._own, self._network) if self._records else None
        if recording is not None:
            logits = recording(self._network, tokens, positions, live.written)
        else:
            of_pass = Writing(live.groups, self._own, live.written, longest=live.longest)
            logits = self._network(of_pass, tokens[None], positions[None])
        uniforms = torch.stack([row.uniforms[len(row.tokens)] for row in rows]).to(self.device)
        drawn, likeliest = live.draw(logits, uniforms), live.draw.likeliest(logits)
        live.go_on()
        self.sight.steps += 1
        self.sight.rows_in_steps += len(rows)
        self._take(rows, *drawn, likeliest)

    def _make_room(self, *, rows: int, tokens: int, widest: int, like: PromptKeys) -> None:
        if self._records and widest <= WIDE_AT_ONCE:
            tokens = widest  # each time the room grows, steps are recorded anew
        spare = int(self._records)
        self._own.make_room(
            rows=rows + spare, most_rows=self.max_rows + spare, tokens=tokens, most_tokens=widest, like=like
        )

    def _new_pass(self) -> LivePass:
        places: dict[PromptKeys, list[int]] = {}
        for place, row in enumerate(self.live):
            places.setdefault(row.job.keys, []).append(place)
        return LivePass(
            places=places,
            written=torch.tensor([len(row.tokens) - 1 for row in self.live], device=self.device),
            lengths=torch.tensor([len(row.job.prompt) for row in self.live], device=self.device),
            longest=max(len(row.tokens) for row in self.live),
            draw=self._draw_of(self.live),
            padded=self._records,  # a recording has room for as many rows of each prompt
        )

    def _draw_of(self, rows: Sequence[LiveRow]) -> Draw:
        requests, vocabulary = [row.job.request for row in rows], self.model.config.get_text_config().vocab_size
        return Draw(requests, vocabulary=vocabulary, end_tokens=self._ends, device=self.device)

    def _network(self, of_pass: Pass, ids: Tensor, positions: Tensor, *, keep: Tensor | int = 0) -> Tensor:
        """int64 [1, T] and [1, T] → logits [T, vocabulary] in the model's precision, or those of the places `keep`."""
        self._attention.current = of_pass
        try:
            output = self.model(
                input_ids=ids,
                position_ids=positions,
                attention_mask=no_mask(self.device),
                use_cache=False,
                logits_to_keep=keep,
            )
        finally:
            self._attention.current = None
        return output.logits[0]  # type: ignore[no-any-return]

    def _take(
        self, rows: Sequence[LiveRow], tokens: Tensor, logprobs: Tensor, likeliest: tuple[Tensor, Tensor] | None
    ) -> None:
        """A token of each row, and what stood beside it where that was asked for. Rows that it ends leave."""
        if likeliest is not None:
            for row, ids, values in zip(rows, *(each.tolist() for each in likeliest), strict=True):
                row.likeliest.append(list(zip(ids, values, strict=True))[: row.job.request.likeliest])
        drawn = zip(rows, tokens.tolist(), logprobs.tolist(), strict=True)
        now = time.monotonic()
        for row, token, logprob in drawn:
            row.add(token, logprob, now)
            if not math.isfinite(logprob):
                row.finish_reason = "fault"
            elif token in self._end_tokens or self._has_stopped(row):
                row.finish_reason = "stop"
            elif len(row.tokens) == row.job.request.max_new_tokens:
                row.finish_reason = "length"
            if row.job.on_token is not None and not row.job.cancelled:
                row.job.on_token(row)
        self.sight.new_tokens += len(rows)
        for row in rows:
            if row.finish_reason:
                self._leave(row)

    def _leave(self, row: LiveRow) -> None:
        row.job.done[row.index] = row
        if row.job.scope and row.finish_reason != "fault":
            self._prefixes.keep(row.job.scope, self._said(row))
        self._remove(row)

    def _said(self, row: LiveRow) -> PromptKeys:
        """The keys of the prompt and of what was written, but its last token, which nobody has read."""
        written = len(row.tokens) - 1
        said = PromptKeys([*row.job.prompt, *row.tokens[:-1]])
        for layer, (keys, values) in enumerate(self._own.of(self.live.index(row), written)):
            said.keys.append(torch.cat([row.job.keys.keys[layer], keys], dim=1))
            said.values.append(torch.cat([row.job.keys.values[layer], values], dim=1))
        return said

    def _remove(self, row: LiveRow) -> None:
        place = self.live.index(row)
        self._own.remove(place)
        last = self.live.pop()
        if last is not row:
            self.live[place] = last
        self._changed()
        if row.job.is_done and all(other.job is not row.job for other in self.live):
            row.job.let_go()
        if not self.live and not self._recorder.is_worth_keeping:
            self._recorder.forget()
            self._own.clear()

    def _changed(self) -> None:
        self._live_pass = None

    def _drop_cancelled(self) -> None:
        for row in [row for row in self.live if row.job.cancelled]:
            self._remove(row)
        for job in [job for job in self._begun if job.cancelled]:
            self._begun.remove(job)
            job.let_go()

    def _halve(self, said: str) -> None:
        """The younger half of the rows begins again later, by the same seeds. All else that takes memory goes: what is
        kept of dialogues, a recording, room that nobody uses, and prompts of which no row is live, which are read
        again. Raises OutOfMemory where there is nothing of this."""
        idle, rows = self._begun_without_rows(), len(self.live) + self._beginning
        self._beginning = 0
        holds = any(job.keys.keys for job in idle) or self._prefixes.tokens or self._recorder.has_recording
        if rows <= 1 and not (holds or (idle and self.max_rows > 1)):
            raise OutOfMemory(f"Not even one completion fits into memory: {said}")
        self.sight.halvings += 1
        if rows > 1:
            self.max_rows = rows // 2
        elif idle:
            self.max_rows = 1
        self._prefixes.shrink_to(0)
        self._recorder.forget()
        self._changed()
        for row in self.live[self.max_rows :][::-1]:
            self._remove(row)
            row.job.waiting.append(row.index)
            if row.job not in self._begun:
                self._begun.append(row.job)
        for job in self._begun_without_rows():
            job.let_go()
        self._give_back()  # what follows needs some of it
        if self.live:
            self._own.shrink(rows=len(self.live), tokens=max(len(row.tokens) for row in self.live))
            apart({row.job.keys: None for row in self.live})
        else:
            self._own.clear()
        self._give_back()

    def _give_back(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _begun_without_rows(self) -> list[Job]:
        """But for the one whose turn it is while nobody is live."""
        live = {row.job for row in self.live}
        return [job for job in self._in_turn() if job not in live][0 if live else 1 :]

    def _in_turn(self) -> list[Job]:
        return sorted(self._begun, key=lambda job: not job.interactive)
