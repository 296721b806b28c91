"""The pass that draws the next token of every live row; on a GPU recorded once and replayed.

A step of few rows costs a GPU less than a processor takes to ask for its thousands of small pieces of work. A recording
(a CUDA graph) is asked for at once. It computes on tensors that stay where they are: when rows leave, others of their
prompts take their places; when all of a prompt's have left, another prompt that is no longer takes its place. For more
rows, or longer ones, than there is room for, another recording is made.
"""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from weakref import ref

import torch
from torch import Tensor

from sampler.draw import Draw
from sampler.engine_attention import Group, Writing
from sampler.shared_keys import OwnKeys, PromptKeys

WORTH_RECORDING = 3
"""After so many steps of the same rows. A recording takes about the time of three."""
FILLED_UP = 64
"""Tokens by which a prompt of any length may be filled up to another's."""
ROOM_STEP = 256
"""Tokens: a recording of one prompt has room for others up to a multiple of it."""
PADDING = 1.5
"""So many times a prompt's tokens may have room where steps are recorded."""
FEW_ROWS = 16
"""A recording of so many is kept while nobody is live; of more, a single prompt's steps would take longer by it."""

Network = Callable[[Writing, Tensor, Tensor], Tensor]
"""A pass, token ids int64 [1, T], positions int64 [1, T] → logits [T, vocabulary]."""
logger = logging.getLogger(__name__)


def groups_of(places: Mapping[PromptKeys, Sequence[int]], device: torch.device, *, padded: bool) -> list[Group]:
    """Of the places of every prompt's live rows, who looks back with whom: those of one prompt, and those who are alone
    on theirs with others whose prompts are about as long. `padded`, for recordings: the rows of any prompts about as
    long, where one that has fewer rows than another shows its first one again; a prompt alone has room for others."""
    gathered: list[list[PromptKeys]] = []
    for prompt in sorted(places, key=len):
        if gathered and _fits(prompt, gathered[-1], places, padded=padded):
            gathered[-1].append(prompt)
        else:
            gathered.append([prompt])
    live = sum(map(len, places.values()))

    def group(together: list[PromptKeys]) -> Group:
        together.sort(key=lambda prompt: places[prompt][0])
        most = max(len(places[prompt]) for prompt in together)
        rows = [place for prompt in together for place in filled(places[prompt], most, places[prompt][0])]
        step = ROOM_STEP if padded and len(together) == 1 else 1
        return Group.of(together, rows, live=live, device=device, step=step)

    return [group(together) for together in gathered]


def filled(places: Sequence[int], most: int, by: int) -> list[int]:
    """So many of them, the last ones `by`."""
    return [*places, *[by] * (most - len(places))]


def _fits(
    prompt: PromptKeys, gathered: Sequence[PromptKeys], places: Mapping[PromptKeys, Sequence[int]], *, padded: bool
) -> bool:
    """Whether it costs less to fill up the shorter prompts than to ask for another product."""
    if padded:
        return len(prompt) <= PADDING * len(gathered[0]) + FILLED_UP
    alone = len(places[prompt]) == len(places[gathered[0]]) == 1
    return alone and len(prompt) <= 2 * len(gathered[0]) + FILLED_UP


@dataclass
class LivePass:
    """What a step needs to know of the live rows, until one leaves or comes."""

    places: Mapping[PromptKeys, Sequence[int]]
    """Of every prompt's rows among the live ones."""
    lengths: Tensor
    """int64 [rows]: of their prompts."""
    written: Tensor
    """int64 [rows]: how many of a row's own tokens have been read."""
    longest: int
    """The most own tokens that a row has, the one that is read next included."""
    draw: Draw
    padded: bool
    """As `groups_of` has it."""
    steps: int = 0
    """Taken with these rows."""

    @cached_property
    def groups(self) -> list[Group]:
        return groups_of(self.places, self.lengths.device, padded=self.padded)

    def go_on(self) -> None:
        self.written = self.written + 1
        self.longest += 1
        self.steps += 1


class Slot:
    """The place of a prompt in a recording; free when nobody needs the prompt any more."""

    def __init__(self, group: Group, number: int, prompt: PromptKeys) -> None:
        """`number`: among the group's prompts."""
        self.group = group
        self.number = number
        self.prompt = ref(prompt)
        self.most_rows = len(group.rows) // len(group.lengths)
        self.room = group.keys[0].shape[2]
        """Tokens."""

    def has_room(self, prompt: PromptKeys, rows: Sequence[int]) -> bool:
        return len(prompt) <= self.room and len(rows) <= self.most_rows

    def take(self, prompt: PromptKeys) -> None:
        """Its keys are here from then on."""
        own = self.number, slice(None), slice(self.room - len(prompt), None)
        for blocks, parts in ((self.group.keys, prompt.keys), (self.group.values, prompt.values)):
            for layer, part in enumerate(parts):
                blocks[layer][own] = part
                parts[layer] = blocks[layer][own]
        self.group.lengths[self.number] = len(prompt)
        self.prompt = ref(prompt)


class Recording:
    """Of one token of every row that `own` has room for. Its last row is nobody's: places of rows that left point
    there."""

    def __init__(self, network: Network, live: LivePass, own: OwnKeys, device: torch.device) -> None:
        self._own = own
        rows, _, self._room, _ = own.keys[0].shape
        self._spare = rows - 1
        self._keys = own.keys[0]
        groups = live.groups
        if len(live.places) == 1:  # everybody's prompt: whoever is live, nothing need be picked
            groups = [replace(groups[0], rows=torch.arange(rows, device=device))]
        self._groups = [replace(group, is_all=len(live.places) == 1, are_equal=False) for group in groups]
        self._slots = self._slots_of(live)
        self._served: Callable[[], LivePass | None] = lambda: None
        self._tokens = torch.zeros((1, rows), dtype=torch.int64, device=device)
        self._positions = torch.zeros_like(self._tokens)
        # What is computed before the first call goes to the last place, which nobody has reached.
        self._written = torch.full((rows,), self._room - 1, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        if device.type == "cuda":
            self._graph = torch.cuda.CUDAGraph()
            stream, usual = torch.cuda.Stream(device), torch.cuda.current_stream(device)  # type: ignore[no-untyped-call]
            stream.wait_stream(usual)
            with torch.cuda.stream(stream):  # left even where recording breaks off, whose own leaving then fails
                self._compute(network)  # kernels are loaded at their first use, which no recording may do
                usual.wait_stream(stream)
                with recorded(self._graph, stream):
                    self._logits = self._compute(network)  # noted down, not computed

    @property
    def rows(self) -> int:
        return self._spare

    def _slots_of(self, live: LivePass) -> list[Slot]:
        of_row = {row: prompt for prompt, rows in live.places.items() for row in rows}
        found = []
        for group in self._groups:
            first_rows = group.rows.view(len(group.lengths), -1)[:, 0].tolist()
            found += [Slot(group, number, of_row[row]) for number, row in enumerate(first_rows)]
        return found

    def _compute(self, network: Network) -> Tensor:
        of_pass = Writing(self._groups, self._own, self._written, longest=self._room)
        return network(of_pass, self._tokens, self._positions)

    def holds_for(self, live: LivePass, own: OwnKeys) -> bool:
        """Whether it can compute these rows; if so, the next call does."""
        fits = bool(own.keys) and own.keys[0] is self._keys and own.count <= self._spare and live.longest <= self._room
        if not fits or (live is not self._served() and not self._serve(live.places)):
            return False
        self._served = ref(live)
        return True

    def _serve(self, places: Mapping[PromptKeys, Sequence[int]]) -> bool:
        """Gives every row its place; free ones go to new prompts, the smallest first."""
        slots = {slot.prompt(): slot for slot in self._slots}
        free = sorted((slot for slot in self._slots if slot.prompt() is None), key=lambda slot: slot.room)
        taken: dict[Slot, PromptKeys] = {}
        for prompt, rows in places.items():
            slot = slots.get(prompt)
            if slot is None:
                slot = next((one for one in free if one not in taken and one.has_room(prompt, rows)), None)
            if slot is None or not slot.has_room(prompt, rows):
                return False
            taken[slot] = prompt
        for slot, prompt in taken.items():
            if slot.prompt() is not prompt:
                slot.take(prompt)
        for group in self._groups:
            of_group = [slot for slot in self._slots if slot.group is group]
            served = [places[taken[slot]] if slot in taken else () for slot in of_group]
            by_slot = [filled(rows, slot.most_rows, self._spare) for slot, rows in zip(of_group, served, strict=True)]
            group.rows.copy_(torch.tensor(by_slot).flatten())
        return True

    def __call__(self, network: Network, tokens: Tensor, positions: Tensor, written: Tensor) -> Tensor:
        """Each int64 [rows] → logits [rows, vocabulary], which the next call overwrites. `network`: as it was made for;
        kept here it would keep the engine whose it is."""
        rows = len(tokens)
        for kept, given in ((self._tokens[0], tokens), (self._positions[0], positions), (self._written, written)):
            kept.zero_()
            kept[:rows] = given
        if self._graph is None:
            return self._compute(network)[:rows]
        self._graph.replay()
        return self._logits[:rows]


@contextmanager
def recorded(graph: torch.cuda.CUDAGraph, stream: torch.cuda.Stream) -> Iterator[None]:
    """What is asked of a GPU is noted down. Where that breaks off, PyTorch 2.11 goes on counting it as begun, for which
    reason it gives no memory back from then on; it is ended here."""
    pool = torch.cuda.graph_pool_handle()
    try:
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            yield
    except RuntimeError:
        with suppress(RuntimeError):  # it was ended
            torch._C._cuda_endAllocateToPool(stream.device_index, pool)  # noqa: SLF001
            torch._C._cuda_releasePool(stream.device_index, pool)  # noqa: SLF001
        raise


class Recorder:
    """Keeps the recording that holds, and makes another where that is worth its time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._recording: Recording | None = None
        self._fewer_than: float = math.inf
        """Rows that can be recorded: those of a recording for which there was no memory, or none at all."""

    def recording_of(self, live: LivePass, own: OwnKeys, network: Network) -> Recording | None:
        """None: compute the step as it is."""
        if self._recording is not None:
            if self._recording.holds_for(live, own):
                return self._recording
            self.forget()  # and of the memory of its prompts, which stand elsewhere from now on
        if live.steps < WORTH_RECORDING or own.count >= self._fewer_than:
            return None
        try:
            self._recording = Recording(network, live, own, self._device)
        except RuntimeError as error:
            if is_out_of_memory(error):
                self._fewer_than = own.count
                return None
            # something in the model asks the GPU for a value in the middle of a pass
            self._fewer_than = 0
            logger.warning("Steps of this model cannot be recorded, so each is launched piece by piece: %s", error)
            return None
        assert self._recording.holds_for(live, own)
        return self._recording

    @property
    def has_recording(self) -> bool:
        return self._recording is not None

    @property
    def is_worth_keeping(self) -> bool:
        """While nobody is live."""
        return self._recording is not None and self._recording.rows <= FEW_ROWS

    def forget(self) -> None:
        """And let go of its memory."""
        self._recording = None


def is_out_of_memory(error: BaseException | None) -> bool:
    """Also what broke off a recording, which says no more than that it was broken off."""
    if error is None:
        return False
    here = isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
    return here or is_out_of_memory(error.__cause__ or error.__context__)
