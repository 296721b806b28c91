"""Chat templates, rendered as transformers' `apply_chat_template` renders them; needs nothing but jinja2.

Sampling, training, scoring and the web's counting of tokens all render here, so that a text is the same everywhere.
Three things are stricter than in transformers:

* `strftime_now` gives one date for ever: with today's, a text would be other tokens and get another reward tomorrow.
* A rendering that takes too long, or whose text grows past all measure, ends with a refusal. Templates are programs.
* Whatever a template raises is a refusal in words.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from lm.errors import RefusedByTemplate, UnusableModel
from lm.prompt_format import SPEAKERS, TURN_SEPARATOR, Message

TEMPLATE_DATE = datetime(2026, 1, 1)  # noqa: DTZ001  (templates ask for a calendar's day, not for a moment)
"""What `strftime_now` says today is."""
SECONDS = 2.0
"""Of the processor, for one rendering; one takes a tenth of a millisecond."""
CHARACTERS = 10_000_000

_DIRECTIVES = (*"aAbBcCdDeFHIjmMpSTuUVwWxXyYzZ", *(f"-{sign}" for sign in "dHIjmMS"))
_ends_at: ContextVar[float] = ContextVar("ends_at")


class ChatTemplate:
    """A compiled template with the special tokens that it may name. Raises UnusableModel where it can't be read."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        self.source = with_fixed_date(source)
        self._special_tokens = dict(special_tokens)
        try:
            self._template = _ENVIRONMENT.from_string(self.source)
        except (TemplateError, RecursionError) as error:
            raise UnusableModel(f"The model's chat template can't be read: {error}") from error

    def render(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        """Returns the conversation as one text. Raises RefusedByTemplate."""
        conversation = [{"role": message["role"], "content": message["content"]} for message in messages]
        ends_at = _ends_at.set(time.thread_time() + SECONDS)
        try:
            return "".join(
                _bounded(
                    self._template.generate(
                        messages=conversation,
                        tools=None,
                        documents=None,
                        add_generation_prompt=add_generation_prompt,
                        **self._special_tokens,
                    )
                )
            )
        except TemplateError as error:
            raise RefusedByTemplate(str(error)) from error
        except Exception as error:  # a template is a program, and may fail as any program may
            raise RefusedByTemplate(f"{type(error).__name__}: {error}") from error
        finally:
            _ends_at.reset(ends_at)


def with_fixed_date(source: str) -> str:
    """Returns a template that renders the same, with TEMPLATE_DATE in it for every other program that reads it.

    A macro takes the place of the function `strftime_now`: it replaces each directive by what the date gives for it.
    """
    if "strftime_now" not in source or "{%- macro strftime_now(" in source:
        return source
    replaced = "".join(f".replace('%{sign}', {json.dumps(TEMPLATE_DATE.strftime('%' + sign))})" for sign in _DIRECTIVES)
    # The line's end is trimmed away with the block (trim_blocks), so the template's own first line stays its first.
    return f"{{%- macro strftime_now(format) %}}{{{{- format{replaced} }}}}{{%- endmacro %}}\n{source}"


def plain_template(opening: str | None = None) -> str:
    """Returns the plain format (lm/prompt_format.py) as a chat template, for models that have none.

    `opening`: special tokens that the model's tokenizer puts before a text; None: its begin of sequence, where it has
    one. A finished conversation ends with the tokenizer's end of sequence.
    """
    names = ", ".join(f"'{role}': '{speaker}'" for role, speaker in SPEAKERS.items())
    separator = json.dumps(TURN_SEPARATOR)
    return (
        f"{{%- set speakers = {{{names}}} %}}"
        f"{{{{- {'bos_token' if opening is None else json.dumps(opening)} }}}}"
        "{%- for message in messages %}"
        "{%- if message['role'] not in speakers %}"
        "{{- raise_exception(\"A message has the role '\" ~ message['role'] ~ \"'; known roles are \" ~ "
        "speakers | join(', ')) }}"
        "{%- endif %}"
        f"{{{{- '' if loop.first else {separator} }}}}"
        "{{- speakers[message['role']] ~ ': ' ~ message['content'] }}"
        "{%- endfor %}"
        f"{{{{- {separator} ~ speakers['assistant'] ~ ':' if add_generation_prompt else eos_token }}}}"
    )


def _bounded(pieces: Iterable[str]) -> Iterator[str]:
    characters = 0
    for piece in pieces:
        characters += len(piece)
        if characters > CHARACTERS:
            raise TemplateError(f"it makes more than {CHARACTERS:,} characters of it")
        yield piece


@pass_context
def _within_time(_context: Context, sequence: Iterable[Any]) -> Iterator[Any]:
    """Stands around what every loop goes over. Takes the context so that jinja2 computes nothing of it beforehand."""
    ends_at = _ends_at.get()
    for each in sequence:
        if time.thread_time() > ends_at:
            raise TemplateError(f"it is not done with it after {SECONDS:.0f} seconds; a loop in it may have no end")
        yield each


class _Generation(Extension):
    """`{% generation %}` marks what a trainer learns from; it renders as what stands inside."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


class _Environment(ImmutableSandboxedEnvironment):
    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in list(tree.find_all(nodes.For)):
            loop.iter = nodes.Filter(loop.iter, "within_time", [], [], None, None, lineno=loop.lineno)
        return tree


class _Dictionary:
    """What templates may call `dict`: the class itself has more than they should reach."""

    def __call__(self, *given: Any, **named: Any) -> dict[Any, Any]:
        return dict(*given, **named)


class _Namespace(Namespace):
    """A template's `namespace`, without names that Python keeps for itself."""

    def __init__(*given: Any, **named: Any) -> None:  # `self` is among them, so that a template may use the name
        self, *rest = given
        attributes = dict(*rest, **named)
        _refuse_underscore(attributes)
        Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_underscore([name])
        super().__setitem__(name, value)


def _refuse_underscore(names: Iterable[object]) -> None:
    for name in names:
        if isinstance(name, str) and name.startswith("_"):
            raise SecurityError(f"a namespace can't hold {name!r}")


def _to_json(
    value: Any,
    ensure_ascii: bool = False,  # noqa: FBT001, FBT002  (as transformers has it, for templates give it by position)
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _environment() -> _Environment:
    environment = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    environment.filters |= {"tojson": _to_json, "within_time": _within_time}
    environment.globals |= {
        "raise_exception": _raise_exception,
        "dict": _Dictionary(),
        "namespace": _Namespace,
    }
    return environment


_ENVIRONMENT = _environment()
