"""What a labeler's own writing asked and answered, as it counts now.

What it asked is a prompt, and never changes: others may be answering it. Its answers are demonstrations: the last turn
of a dialogue, the ideal answer of an own prompt, of a few-shot prompt the response of each pair. They are revised, and
fixed by reviewers, as all demonstrations are; a chat has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.messages import Turn, turns_of
from labeling.base.states import CompositionKind
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.rules.drafts import Draft
from labeling.writing.models import Composition
from labeling.writing.own_prompts.models import OwnPrompt
from labeling.writing.queries import language_of, turns_said


def prompts_of(composition: Composition) -> list[Prompt]:
    """What it became: of a few-shot prompt one for each pair, in their order."""
    prompts = Prompt.objects.select_related("campaign")
    if composition.kind == CompositionKind.DIALOGUE:
        return list(prompts.filter(demonstrations__message__conversation__composition=composition))
    if composition.kind == CompositionKind.CHAT:
        return list(prompts.filter(picked_message__conversation__composition=composition))
    own = prompts.filter(own_prompt_example__own_prompt__composition=composition)
    return list(own.order_by("own_prompt_example__number"))


def answers_of(composition: Composition) -> list[Demonstration]:
    """What counts of its answers, in the order of its prompts."""
    source = "dialogue" if composition.kind == CompositionKind.DIALOGUE else "labeler"
    asked = prompts_of(composition)
    written = Demonstration.objects.filter(
        prompt__in=asked, labeler=composition.labeler_id, assignment=None, source=source
    )
    found = {answer.prompt_id: answer for answer in written.order_by("revision")}  # the last one stays
    return [found[prompt.pk] for prompt in asked if prompt.pk in found]


def revision_of(answers: Sequence[Demonstration]) -> int:
    """Grows by one with each answer that was revised or fixed."""
    return 1 + sum(answer.revision - 1 for answer in answers)


def field_of(number: int) -> str:
    """The field of the answer of that number, from 1."""
    return f"{number}-answer-text"


def fields_of_answers(answers: Sequence[Demonstration]) -> Draft:
    """The answers as the fields of a page on which they are revised."""
    return {field_of(number): [answer.text] for number, answer in enumerate(answers, start=1)}


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One answer as HTML, with what was asked; `query` is empty where the page says that already."""

    query: str
    html: str


@dataclass(frozen=True, kw_only=True)
class OwnSubmission:
    """Own writing that was handed in, to read: the `turns` of a dialogue or a chat, all else of an own prompt.

    `asked`: the turns before the answers. `fixed`: a reviewer wrote an answer that counts now.
    """

    kind: str
    language: str
    turns: list[Turn]
    asked: list[Turn]
    use_case: str
    statement: str
    text: str
    answers: list[Answered]
    revision: int
    fixed: bool

    @property
    def is_few_shot(self) -> bool:
        return any(answer.query for answer in self.answers)


def own_submission(composition: Composition) -> OwnSubmission:
    """Raises OwnPrompt.DoesNotExist for an own prompt that was not handed in."""
    answers = answers_of(composition)
    own = OwnPrompt.objects.get(composition=composition) if composition.kind == CompositionKind.OWN_PROMPT else None
    said = [] if own else turns_said(composition)
    role = "system" if own and own.pairs else "user"
    return OwnSubmission(
        kind=composition.kind,
        language=own.language if own else language_of(composition),
        turns=[*said[:-1], *_as_turns("assistant", answers[0].text)] if answers and said else said,
        asked=_as_turns(role, own.text) if own else said[:-1],
        use_case=own.get_use_case_display() if own else "",
        statement=own.statement if own else "",
        text=_rendered(own.text) if own else "",
        answers=_answered([pair["query"] for pair in own.pairs] if own else [], answers),
        revision=revision_of(answers),
        fixed=any(answer.fixed_by_id is not None for answer in answers),
    )


def _as_turns(role: str, text: str) -> list[Turn]:
    return turns_of([{"role": role, "content": text}])


def _answered(queries: Sequence[str], answers: Sequence[Demonstration]) -> list[Answered]:
    """`queries`: of a few-shot prompt one for each answer, otherwise none."""
    asked = [_rendered(query) for query in queries] or [""] * len(answers)
    return [Answered(query=query, html=_rendered(answer.text)) for query, answer in zip(asked, answers, strict=True)]


def _rendered(text: str) -> str:
    return render_markdown(text, headings_from=TEXT_HEADINGS_FROM)
