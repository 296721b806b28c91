"""What the current models make of texts that come in, from files or over the API: told before anybody works on them.

Only files of the models are read, no weights.
"""

from collections.abc import Iterator, Sequence

from labeling.imports.rules.suspicions import control_tokens_in
from labeling.model_versions.queries import answer_limit, current_sft_model, special_tokens_of
from lm.errors import UnusableModel, UnusablePrompt
from lm.model_directory import context_length
from lm.prompt_format import Message
from lm.prompt_tokens import count_tokens, unread_in
from sampler.protocol import PromptTooLong

SHORT = [Message(role="user", content="Hi")]


class IncomingTexts:
    """Looks up the current models once, for many texts of one campaign.

    `note` says why prompts are not checked: the SFT model can't be read. Without one there is nothing to check by.
    """

    def __init__(self, *, max_new_tokens: int) -> None:
        self.note = ""
        self._max_new_tokens = max_new_tokens
        self._answer_limit = answer_limit()
        self._model = current_sft_model()
        if self._model is None:
            return
        try:
            self._context = context_length(self._model.path)
            count_tokens(self._model.path, SHORT)  # a model that can't count this counts nothing
        except (UnusableModel, UnusablePrompt) as unusable:
            self.note = f"How long the prompts are was not checked: {unusable}"
            self._model = None

    def refuse_unanswerable(self, prompt: Sequence[Message]) -> None:
        """Raises UnusablePrompt: it is too long for the current SFT model, or its chat template refuses it."""
        if self._model is None:
            return
        tokens = count_tokens(self._model.path, prompt)
        if tokens > self._context - self._max_new_tokens:
            raise PromptTooLong(tokens=tokens, context=self._context, max_new_tokens=self._max_new_tokens)

    def warnings(self, prompt: Sequence[Message], answers: Sequence[str]) -> Iterator[str]:
        """What somebody should hear of a prompt that can be answered, and of what was answered to it."""
        yield from self._unread(prompt)
        yield from self._too_long(answers)
        yield from self._special_tokens([*(message["content"] for message in prompt), *answers])

    def _unread(self, prompt: Sequence[Message]) -> Iterator[str]:
        for place in unread_in(self._model.path, prompt) if self._model else ():
            yield (
                f"The current model won't read message {place + 1}, of the {prompt[place]['role']}: its chat template "
                "leaves the text out. Completions are sampled without it."
            )

    def _too_long(self, answers: Sequence[str]) -> Iterator[str]:
        limit = self._answer_limit
        long = [found for answer in answers if limit and (found := limit.exceeded_by(answer))]
        if long:
            yield (
                f"{len(long)} of its answers are longer than the reward model reads, the first with {long[0].tokens} "
                f"tokens where {long[0].limit} fit; training leaves them out."
            )

    def _special_tokens(self, texts: Sequence[str]) -> Iterator[str]:
        found = [*control_tokens_in(texts), *special_tokens_of(self._model, "\n".join(texts))]
        for token in dict.fromkeys(found):
            yield (
                f"The text holds “{token}”, which is a control token of language models. Here it is read as letters, "
                "but other programs may take it for the end of a turn. Take it out, unless the text is about it."
            )
