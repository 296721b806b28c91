"""The pass that draws the next token of every live row; on a GPU recorded once and replayed.

A step of few rows costs a GPU less than a processor takes to ask for its thousands of small pieces of work. A recording
(a CUDA graph) is asked for at once. It computes on tensors that stay where they are: rows may leave, and others of the
same prompts take their places; a new prompt, or more tokens than there is room for, needs another recording.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sampler.draw import Draw
from sampler.engine_attention import Group, Writing
from sampler.shared_keys import OwnKeys, PromptKeys

WORTH_RECORDING = 3
"""After so many steps of the same rows. A recording takes about the time of three."""
FILLED_UP = 64
"""Tokens by which a prompt of any length may be filled up to another's."""

Network = Callable[[Writing, Tensor, Tensor], Tensor]
"""A pass, token ids int64 [1, T], positions int64 [1, T] → logits [T, vocabulary]."""
logger = logging.getLogger(__name__)


def groups_of(prompts: Sequence[PromptKeys], device: torch.device, *, together: bool) -> list[Group]:
    """Of the prompt of every live row, who looks back with whom: those of one prompt; `together`: those who are alone
    on theirs, too, with others whose prompts are about as long."""
    places: dict[PromptKeys, list[int]] = {}
    for place, prompt in enumerate(prompts):
        places.setdefault(prompt, []).append(place)
    gathered: list[list[PromptKeys]] = []
    for prompt in sorted(places, key=len):
        if together and gathered and _fits(prompt, gathered[-1], places):
            gathered[-1].append(prompt)
        else:
            gathered.append([prompt])

    def group(together: list[PromptKeys]) -> Group:
        together.sort(key=places.__getitem__)
        rows = [place for prompt in together for place in places[prompt]]
        of_group, is_all = torch.tensor(rows, device=device), rows == list(range(len(prompts)))
        if len(together) == 1:
            return Group.of_one(together[0], of_group, is_all=is_all)
        return Group.of_each(together, of_group, is_all=is_all)

    return [group(together) for together in gathered]


def _fits(prompt: PromptKeys, gathered: Sequence[PromptKeys], places: Mapping[PromptKeys, Sequence[int]]) -> bool:
    """Whether it costs less to fill up the shorter prompts than to ask for another product."""
    alone = len(places[prompt]) == len(places[gathered[0]]) == 1
    return alone and len(prompt) <= 2 * len(gathered[0]) + FILLED_UP


@dataclass
class LivePass:
    """What a step needs to know of the live rows, until one leaves or comes."""

    groups: list[Group]
    lengths: Tensor
    """int64 [rows]: of their prompts."""
    written: Tensor
    """int64 [rows]: how many of a row's own tokens have been read."""
    longest: int
    """The most own tokens that a row has, the one that is read next included."""
    draw: Draw
    steps: int = 0
    """Taken with these rows."""

    def go_on(self) -> None:
        self.written = self.written + 1
        self.longest += 1
        self.steps += 1


class Recording:
    """Of one token of every row that `own` has room for. Its last row is nobody's: places of rows that left point
    there."""

    def __init__(self, network: Network, groups: Sequence[Group], own: OwnKeys, device: torch.device) -> None:
        self._network = network
        self._own = own
        rows, _, self._room, _ = own.keys[0].shape
        self._spare = rows - 1
        self._keys = own.keys[0]
        self._groups = [replace(group, rows=group.rows.clone(), is_all=False) for group in groups]
        self._tokens = torch.zeros((1, rows), dtype=torch.int64, device=device)
        self._positions = torch.zeros_like(self._tokens)
        # What is computed before the first call goes to the last place, which nobody has reached.
        self._written = torch.full((rows,), self._room - 1, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        if device.type == "cuda":
            self._graph = torch.cuda.CUDAGraph()
            stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream):  # kernels are loaded at their first use, which no recording may do
                self._compute()
            torch.cuda.current_stream(device).wait_stream(stream)
            with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
                self._logits = self._compute()  # noted down, not computed

    def _compute(self) -> Tensor:
        of_pass = Writing(self._groups, self._own, self._written, longest=self._room)
        return self._network(of_pass, self._tokens, self._positions)

    def holds_for(self, live: LivePass, own: OwnKeys) -> bool:
        """Whether it can compute these rows; if so, the next call does."""
        places = {group.prompts: group.rows for group in self._groups}
        fits = (
            bool(own.keys)
            and own.keys[0] is self._keys
            and own.count <= self._spare
            and live.longest <= self._room
            and all(len(group.rows) <= len(places.get(group.prompts, ())) for group in live.groups)
        )
        if fits:
            for rows in places.values():
                rows.fill_(self._spare)
            for group in live.groups:
                places[group.prompts][: len(group.rows)] = group.rows
        return fits

    def __call__(self, tokens: Tensor, positions: Tensor, written: Tensor) -> Tensor:
        """Each int64 [rows] → logits [rows, vocabulary], which the next call overwrites."""
        rows = len(tokens)
        for kept, given in ((self._tokens[0], tokens), (self._positions[0], positions), (self._written, written)):
            kept.zero_()
            kept[:rows] = given
        if self._graph is None:
            return self._compute()[:rows]
        self._graph.replay()
        return self._logits[:rows]


class Recorder:
    """Keeps the recording that holds, and makes another where that is worth its time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._recording: Recording | None = None
        self._can_record = True

    def recording_of(self, live: LivePass, own: OwnKeys, network: Network) -> Recording | None:
        """None: compute the step as it is."""
        if self._recording is not None and self._recording.holds_for(live, own):
            return self._recording
        if live.steps < WORTH_RECORDING or not self._can_record:
            return None
        self.forget()
        try:
            self._recording = Recording(network, live.groups, own, self._device)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # something in the model asks the GPU for a value in the middle of a pass
            self._can_record = False
            logger.warning("Steps of this model cannot be recorded, so each is launched piece by piece: %s", error)
            return None
        assert self._recording.holds_for(live, own)
        return self._recording

    def forget(self) -> None:
        """And let go of its memory."""
        self._recording = None
