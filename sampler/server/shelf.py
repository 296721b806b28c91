"""The models of a server, by name: loaded and retired while it answers; names that stay while versions move."""

import asyncio
import gc
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict

from lm.errors import UnusableModel
from sampler.chat_contract.errors import ContractError
from sampler.server.hosted import Hosted
from sampler.transformers_sampler import TransformersSampler

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 25.0
"""So long a request waits for a model that is being loaded."""


class Told(TypedDict):
    """What `GET /models` says of one."""

    path: str
    state: Literal["loading", "ready", "failed"]
    failure: str
    aliases: list[str]
    in_flight: int
    cache_bytes: int
    cache_limit_bytes: int
    """Of keys and values, and the most that they may come to; 0 while it is loaded."""


@dataclass
class Place:
    """One model, on its way or there."""

    path: str
    hosted: Hosted | None = None
    failure: str = ""
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class Full(Exception):
    """There is no room for another model: all that are there are in use by an alias, or being loaded."""


class Shelf:
    """All of it belongs to one event loop; only loading itself is done in another thread, one after the other."""

    def __init__(self, *, most_models: int, most_waiting: int, device: str, dtype: str) -> None:
        self.places: dict[str, Place] = {}
        self.aliases: dict[str, str] = {}
        self.leaving: list[Hosted] = []
        """Retired, and still answering."""
        self._wanted: dict[str, str] = {}
        """What an alias will stand for once it is loaded."""
        self._most_models = most_models
        self._most_waiting = most_waiting
        self._device = device
        self._dtype = dtype
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def hosted(self) -> list[Hosted]:
        """All that can be asked."""
        return [place.hosted for place in self.places.values() if place.hosted]

    def told(self) -> dict[str, Told]:
        return {name: self._told(name, place) for name, place in self.places.items()}

    def load(self, name: str, path: str, aliases: list[str]) -> None:
        """Begins to load a model, unless it is there; then the aliases stand for it, and not before. Raises Full."""
        place = self.places.get(name)
        if place is None or place.path != path or place.failure:
            if place is not None:
                self.retire(name)
            self._make_room()
            place = self.places[name] = Place(path)
            task = asyncio.create_task(self._load(name, place))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        for alias in aliases:
            self._wanted[alias] = name
        if place.hosted is not None:
            self._move_aliases(name)

    def retire(self, name: str) -> None:
        """What it was asked before is answered; then its memory is free again."""
        place = self.places.pop(name)
        self.aliases = {alias: stands_for for alias, stands_for in self.aliases.items() if stands_for != name}
        self._wanted = {alias: stands_for for alias, stands_for in self._wanted.items() if stands_for != name}
        if place.hosted is not None:
            place.hosted.retire()
            self.leaving.append(place.hosted)
        place.settled.set()

    def forget_those_that_left(self) -> None:
        staying = [hosted for hosted in self.leaving if not hosted.has_ended]
        if len(staying) < len(self.leaving):
            self.leaving = staying
            gc.collect()

    async def find(self, name: str) -> Hosted:
        """The model of that name or alias, once it is loaded. Raises ContractError: 404, or 503 while it is loaded."""
        self.forget_those_that_left()
        meant = self.aliases.get(name) or self._wanted.get(name) or name
        place = self.places.get(meant)
        if place is None:
            raise ContractError(f"There is no model {name!r} here.", status=404, param="model", code="model_not_found")
        try:
            await asyncio.wait_for(place.settled.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            said = f"{name} is still being loaded. Try again in a moment."
            raise ContractError(said, status=503, code="loading", retry_after=10) from None
        if place.hosted is None:
            said = f"{name} can't be loaded: {place.failure or 'it was retired meanwhile'}"
            raise ContractError(said, status=503, code="not_loaded", retry_after=60)
        return place.hosted

    async def _load(self, name: str, place: Place) -> None:
        async with self._one_at_a_time:
            if self.places.get(name) is not place:
                return  # retired before it was loaded
            try:
                sampler = await asyncio.to_thread(
                    TransformersSampler.load, Path(place.path), device=self._device, dtype=self._dtype
                )
            except UnusableModel as unusable:
                place.failure = str(unusable)
            except Exception as failure:  # a full memory, a broken file: the others go on
                log.exception("%s can't be loaded from %s", name, place.path)
                place.failure = f"{type(failure).__name__}: {failure}"
            else:
                if self.places.get(name) is place:
                    place.hosted = Hosted(name, sampler, most_waiting=self._most_waiting)
                    self._move_aliases(name)
                    log.info("%s is loaded", name)
            place.settled.set()

    def _move_aliases(self, name: str) -> None:
        for alias in [alias for alias, wanted in self._wanted.items() if wanted == name]:
            self.aliases[alias] = self._wanted.pop(alias)

    def _make_room(self) -> None:
        """The one that was asked longest ago leaves; none that an alias stands for."""
        kept = {*self.aliases.values(), *self._wanted.values()}
        for name in [name for name, place in self.places.items() if place.failure]:
            self.retire(name)
        while len(self.places) >= self._most_models:
            free = [place.hosted for name, place in self.places.items() if place.hosted and name not in kept]
            if not free:
                raise Full
            self.retire(min(free, key=lambda hosted: hosted.used).name)

    def _told(self, name: str, place: Place) -> Told:
        sight = place.hosted.sampler.sight() if place.hosted else None
        return {
            "path": place.path,
            "state": "ready" if place.hosted else "failed" if place.failure else "loading",
            "failure": place.failure,
            "aliases": sorted(alias for alias, stands_for in self.aliases.items() if stands_for == name),
            "in_flight": place.hosted.in_flight if place.hosted else 0,
            "cache_bytes": sight["cache_bytes"] if sight else 0,
            "cache_limit_bytes": sight["cache_limit_bytes"] if sight else 0,
        }
