"""From one record of an import file to rows (docs/importing.md). No database."""

from collections.abc import Mapping
from typing import Any

from labeling.base.language import code_of, detect_language
from labeling.base.refusals import PromptRefused
from labeling.base.states import ContentWarning, PromptSource, UseCase
from labeling.campaigns.rules.messages import check_messages
from labeling.campaigns.rules.splits import submitter_name
from labeling.imports.rules.answers import answers_of
from labeling.imports.rules.fields import list_of, storable, text_of
from labeling.imports.rules.formats.recognised import OwnRecord
from labeling.imports.rules.formats.shape import Record
from labeling.imports.rules.rows import Defaults, FieldRefused, Row
from labeling.imports.rules.suspicions import suspicions_of_texts
from lm.prompt_format import Message
from lm.snapshot.openings import opening_key

FORMS = ("messages", "prompt", "instruction")
OF_EVERY_FORM = (
    "submitter", "source", "use_case", "language", "demonstration", "demonstrations", "completions", "human_reference",
    "content_warnings", "required_skills", "strengths", "annotator",
)  # fmt: skip
OF_INSTRUCTIONS = ("input", "instances", "is_classification")
LEFT_OUT = ("id", "name", "application")
"""self-instruct's names for its tasks: they say nothing about the prompt."""
FIELDS = (*FORMS, *OF_INSTRUCTIONS, *OF_EVERY_FORM)
"""All that Concord has a place for: what a file's columns can be taken for."""

LONGEST_SUBMITTER = 200


def renamed(record: Record, defaults: Defaults) -> Record:
    """The record under the names that were chosen for its fields, without null and what is to be left out.

    Raises FieldRefused: two fields under one name.
    """
    fields: dict[str, object] = {}
    for name, value in record.items():
        new = defaults.columns.get(name, name)
        if value is None or name in defaults.ignore:
            continue
        if new in fields:
            raise FieldRefused(f"Two fields are taken for {new}.", field=name)
        fields[new] = [_without(each, defaults.ignore) for each in value] if isinstance(value, list) else value
    return fields


def rows_of(record: OwnRecord, *, line: int, last_line: int | None, defaults: Defaults) -> list[Row]:
    """One row, or one for each of self-instruct's instances. Raises FieldRefused."""
    form = _form(record.fields)
    _refuse_unknown(record.fields, form)
    each = [record.fields]
    if form == "instruction" and "instances" in record.fields:
        each = _instances(record.fields)
    return [_row(fields, form, line, last_line, record.format, defaults) for fields in each]


def _form(record: Record) -> str:
    forms = [form for form in FORMS if form in record]
    if not forms:
        raise FieldRefused(f"It has no prompt: one of the fields {', '.join(FORMS)} must be there.")
    if len(forms) > 1:
        raise FieldRefused(f"It has {' and '.join(forms)}; only one of them can be the prompt.", field=forms[1])
    return forms[0]


def _refuse_unknown(record: Record, form: str) -> None:
    known = {form, *OF_EVERY_FORM, *LEFT_OUT, *(OF_INSTRUCTIONS if form == "instruction" else ())}
    for name in record:
        if name not in known:
            raise FieldRefused(
                f"The field “{name}” is unknown beside {form}. Known are {', '.join(sorted(known - set(LEFT_OUT)))}. "
                "To leave it out, ignore it by name.",
                field=name,
            )


def _instances(record: Record) -> list[Record]:
    instances = record["instances"]
    if not isinstance(instances, list) or not instances:
        raise FieldRefused("instances must be a list of {input, output}.", field="instances")
    if "input" in record:
        raise FieldRefused("It has input and instances; only one of them can be the input.", field="instances")
    rest = {name: value for name, value in record.items() if name != "instances"}
    return [{**rest, **_instance(number, instance)} for number, instance in enumerate(instances, start=1)]


def _instance(number: int, instance: object) -> Record:
    if not isinstance(instance, dict) or not set(instance) <= {"input", "output"}:
        raise FieldRefused(f"Instance {number} is no object of input and output.", field="instances")
    taken = {"input": "input", "output": "demonstration"}
    return {taken[name]: value for name, value in instance.items()}


def _row(record: Record, form: str, line: int, last_line: int | None, format_name: str, defaults: Defaults) -> Row:
    messages = _messages(record, form)
    reference = text_of(record, "human_reference")
    answers = answers_of(record, take=defaults.take, with_reference=defaults.with_reference)
    texts = [each.text for each in answers.completions] + list(answers.demonstrations)
    texts += [each.text for each in answers.comparison.completions] if answers.comparison else []
    return Row(
        line=line,
        last_line=last_line,
        format=format_name,
        messages=messages,
        submitter=_submitter(record, messages, defaults),
        source=_source(record),
        use_case=_use_case(record, defaults),
        content_warnings=_content_warnings(record),
        required_skills=tuple(_names(record, "required_skills")),
        language=_language(record, messages, defaults),
        demonstrations=answers.demonstrations,
        completions=answers.completions,
        comparison=answers.comparison,
        demonstrations_asked=answers.comparison is None or defaults.demonstrate_compared,
        answers_left_out=answers.left_out,
        whole_text_differs=defaults.take_alike,
        reference_left_out=reference is not None and not defaults.with_reference,
        warnings=tuple(suspicions_of_texts(messages, texts, text_of(record, "input"))),
    )


def _messages(record: Record, form: str) -> tuple[Message, ...]:
    try:
        if form == "messages":
            return tuple(check_messages([_without(each, frozenset()) for each in list_of(record, "messages")]))
        return tuple(check_messages([{"role": "user", "content": _prompt_text(record, form)}]))
    except PromptRefused as refused:
        reason = str(refused) if form == "messages" else str(refused).replace("Message 1", f"The {form}")
        raise FieldRefused(reason, field=form) from refused


def _without(message: Any, ignore: frozenset[str]) -> Any:
    """A message without null and what is to be left out; anything else as it is."""
    if not isinstance(message, Mapping) or not {"role", "from"} & set(message):
        return message
    return {name: value for name, value in message.items() if name not in ignore and value is not None}


def _prompt_text(record: Record, form: str) -> str:
    """An instruction and its input are one message, with a blank line between them."""
    text = text_of(record, form) or ""
    extra = text_of(record, "input") or ""
    return f"{text}\n\n{extra}" if text.strip() and extra.strip() else text


def _submitter(record: Record, messages: tuple[Message, ...], defaults: Defaults) -> str:
    """Returns the submitter's name. Without one it is made of how the prompt begins, so that a dialogue and its
    continuation have the same.
    """
    name = text_of(record, "submitter")
    if name is None:
        name = defaults.submitter or f"anonymous-{opening_key(messages)[:16]}"
    name = submitter_name(name)
    if not name or len(name) > LONGEST_SUBMITTER:
        raise FieldRefused(f"The submitter's name must have 1 to {LONGEST_SUBMITTER} characters.", field="submitter")
    return storable(name, "submitter")


def _source(record: Record) -> PromptSource:
    value = text_of(record, "source")
    if value is None:
        return PromptSource.IMPORT
    if value not in set(PromptSource):
        raise FieldRefused(f"“{value}” is no source; the sources are {', '.join(PromptSource)}.", field="source")
    return PromptSource(value)


def _use_case(record: Record, defaults: Defaults) -> UseCase:
    value = text_of(record, "use_case")
    if value is None:
        classification = UseCase.CLASSIFICATION if record.get("is_classification") is True else UseCase.OTHER
        return defaults.use_case or classification
    if value not in set(UseCase):
        raise FieldRefused(f"“{value}” is no use case; the use cases are {', '.join(UseCase)}.", field="use_case")
    return UseCase(value)


def _content_warnings(record: Record) -> tuple[ContentWarning, ...]:
    names = _names(record, "content_warnings")
    for name in names:
        if name not in list(ContentWarning):
            raise FieldRefused(
                f"“{name}” is no content warning; the warnings are {', '.join(ContentWarning)}.",
                field="content_warnings",
            )
    return tuple(ContentWarning(name) for name in names)


def _names(record: Record, field: str) -> list[str]:
    """A list; in CSV, whose fields are texts, names with commas between."""
    given = record.get(field, [])
    names = [name.strip() for name in given.split(",")] if isinstance(given, str) else list_of(record, field)
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise FieldRefused(f"{field} must be a list of names; {wrong[0]!r} is none.", field=field)
    return [name for name in names if name != ""]


def _language(record: Record, messages: tuple[Message, ...], defaults: Defaults) -> str:
    users = "\n".join(message["content"] for message in messages if message["role"] == "user")
    said = text_of(record, "language") or defaults.language
    if said is None:
        detected = detect_language(users, expected=defaults.languages)
        if detected is None:
            raise FieldRefused("Its text doesn't tell the language; add the field language, such as en or zh.")
        return detected
    code = code_of(said)
    if code is None:
        raise FieldRefused(f"“{said}” is no language code such as en, zh or pt-br.", field="language")
    return code
