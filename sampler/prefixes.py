"""Keys of conversations that may go on: the next turn of a dialogue begins with all that was said, and only its new
tokens are read."""

from collections import OrderedDict
from collections.abc import Sequence

from sampler.shared_keys import PromptKeys

WORTH_KEEPING = 16
"""A shorter common beginning is read anew: every conversation of a template has one, and it saves nothing."""


class Prefixes:
    """The least recently used go first. A scope (whose conversation it is) never sees another's."""

    def __init__(self, *, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self.tokens = 0
        self.hits = 0
        """Tokens that need not be read again, since the start."""
        self._kept: OrderedDict[tuple[str, tuple[int, ...]], PromptKeys] = OrderedDict()

    def longest(self, scope: str, prompt: Sequence[int]) -> PromptKeys:
        """The keys of the longest beginning of `prompt` that is kept for the scope, at most all but its last token."""
        best, length = None, WORTH_KEEPING - 1
        for name, keys in self._kept.items():
            if scope and name[0] == scope:
                common = _common(keys.tokens, prompt)
                if common > length:
                    best, length = name, common
        if best is None:
            return PromptKeys()
        self._kept.move_to_end(best)
        found = self._kept[best].beginning(min(length, len(prompt) - 1))
        self.hits += len(found)
        return found

    def keep(self, scope: str, keys: PromptKeys) -> None:
        """What it continues is let go of: the longer one has it, too."""
        if not scope or len(keys) > self.max_tokens:
            return
        for name in [name for name in self._kept if name[0] == scope]:
            if _common(self._kept[name].tokens, keys.tokens) == len(self._kept[name]):
                self._drop(name)
        self._kept[scope, tuple(keys.tokens)] = keys
        self.tokens += len(keys)
        self.shrink_to(self.max_tokens)

    def shrink_to(self, tokens: int) -> None:
        while self._kept and self.tokens > tokens:
            self._drop(next(iter(self._kept)))

    def _drop(self, name: tuple[str, tuple[int, ...]]) -> None:
        self.tokens -= len(self._kept.pop(name))


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    length = min(len(one), len(other))
    return next((at for at in range(length) if one[at] != other[at]), length)
