"""From one record of an import file to rows (docs/importing.md). No database."""

from collections.abc import Mapping
from typing import Any

from labeling.base.language import code_of, detect_language
from labeling.base.refusals import PromptRefused
from labeling.base.states import ContentWarning, PromptSource, UseCase
from labeling.base.text import UnstorableText, clean_text
from labeling.campaigns.rules.messages import check_messages
from labeling.campaigns.rules.splits import submitter_name
from labeling.imports.rules.rows import Defaults, FieldRefused, Row
from labeling.ranking_tasks.rules import GivenCompletion
from lm.prompt_format import Message
from lm.snapshot.openings import opening_key

Record = Mapping[str, object]

FORMS = ("messages", "prompt", "instruction")
OF_EVERY_FORM = (
    "submitter", "source", "use_case", "language", "demonstration", "demonstrations", "completions", "human_reference",
    "content_warnings",
)  # fmt: skip
OF_INSTRUCTIONS = ("input", "instances", "is_classification")
LEFT_OUT = ("id", "name", "application")
"""self-instruct's names for its tasks: they say nothing about the prompt."""

LONGEST_SUBMITTER = 200
HUMAN = "human"
"""The model name of a human reference that is ranked with the completions of models."""


def rows_of(record: Record, *, line: int, defaults: Defaults) -> list[Row]:
    """One row, or one for each of self-instruct's instances. Raises FieldRefused."""
    record = {name: value for name, value in record.items() if value is not None and name not in defaults.ignore}
    form = _form(record)
    _refuse_unknown(record, form)
    if form == "instruction" and "instances" in record:
        return [_row(each, form, line, defaults) for each in _instances(record)]
    return [_row(record, form, line, defaults)]


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


def _row(record: Record, form: str, line: int, defaults: Defaults) -> Row:
    messages = _messages(record, form)
    completions = _completions(record)
    reference = _text(record, "human_reference")
    if reference is not None and defaults.with_reference:
        completions = (*completions, GivenCompletion(text=reference, model=HUMAN))
    return Row(
        line=line,
        messages=messages,
        submitter=_submitter(record, messages, defaults),
        source=_source(record),
        use_case=_use_case(record, defaults),
        content_warnings=_content_warnings(record),
        language=_language(record, messages, defaults),
        demonstrations=_demonstrations(record),
        completions=completions,
        reference_left_out=reference is not None and not defaults.with_reference,
    )


def _messages(record: Record, form: str) -> tuple[Message, ...]:
    try:
        if form == "messages":
            return tuple(check_messages(_list(record, "messages")))
        return tuple(check_messages([{"role": "user", "content": _prompt_text(record, form)}]))
    except PromptRefused as refused:
        reason = str(refused) if form == "messages" else str(refused).replace("Message 1", f"The {form}")
        raise FieldRefused(reason, field=form) from refused


def _prompt_text(record: Record, form: str) -> str:
    """An instruction and its input are one message, with a blank line between them."""
    text = _text(record, form) or ""
    extra = _text(record, "input") or ""
    return f"{text}\n\n{extra}" if text.strip() and extra.strip() else text


def _completions(record: Record) -> tuple[GivenCompletion, ...]:
    completions = []
    for number, given in enumerate(_list(record, "completions"), start=1):
        if not isinstance(given, dict) or set(given) != {"text", "model"}:
            raise FieldRefused(f"Completion {number} is no object of text and model.", field="completions")
        if not all(isinstance(value, str) for value in given.values()):
            raise FieldRefused(f"Completion {number}: text and model must be texts.", field="completions")
        completions.append(GivenCompletion(text=given["text"], model=given["model"]))
    return tuple(completions)


def _demonstrations(record: Record) -> tuple[str, ...]:
    if "demonstration" in record and "demonstrations" in record:
        raise FieldRefused("It has demonstration and demonstrations; put all of them in one.", field="demonstrations")
    field = "demonstration" if "demonstration" in record else "demonstrations"
    given = [record[field]] if field == "demonstration" else _list(record, field)
    return tuple(_checked_demonstration(text, field) for text in given)


def _checked_demonstration(text: object, field: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise FieldRefused("A demonstration is empty or no text.", field=field)
    try:
        return clean_text(text)
    except UnstorableText as unstorable:
        raise FieldRefused(str(unstorable), field=field) from unstorable


def _submitter(record: Record, messages: tuple[Message, ...], defaults: Defaults) -> str:
    """Returns the submitter's name. Without one it is made of how the prompt begins, so that a dialogue and its
    continuation have the same.
    """
    name = _text(record, "submitter")
    if name is None:
        name = defaults.submitter or f"anonymous-{opening_key(messages)[:16]}"
    name = submitter_name(name)
    if not name or len(name) > LONGEST_SUBMITTER:
        raise FieldRefused(f"The submitter's name must have 1 to {LONGEST_SUBMITTER} characters.", field="submitter")
    return _storable(name, "submitter")


def _source(record: Record) -> PromptSource:
    value = _text(record, "source")
    if value is None:
        return PromptSource.IMPORT
    if value not in set(PromptSource):
        raise FieldRefused(f"“{value}” is no source; the sources are {', '.join(PromptSource)}.", field="source")
    return PromptSource(value)


def _use_case(record: Record, defaults: Defaults) -> UseCase:
    value = _text(record, "use_case")
    if value is None:
        classification = UseCase.CLASSIFICATION if record.get("is_classification") is True else UseCase.OTHER
        return defaults.use_case or classification
    if value not in set(UseCase):
        raise FieldRefused(f"“{value}” is no use case; the use cases are {', '.join(UseCase)}.", field="use_case")
    return UseCase(value)


def _content_warnings(record: Record) -> tuple[ContentWarning, ...]:
    """A list; in CSV, whose fields are texts, names with commas between."""
    given = record.get("content_warnings", [])
    names = [name.strip() for name in given.split(",")] if isinstance(given, str) else _list(record, "content_warnings")
    names = [name for name in names if name != ""]
    for name in names:
        if name not in list(ContentWarning):
            raise FieldRefused(
                f"“{name}” is no content warning; the warnings are {', '.join(ContentWarning)}.",
                field="content_warnings",
            )
    return tuple(ContentWarning(name) for name in names)


def _language(record: Record, messages: tuple[Message, ...], defaults: Defaults) -> str:
    users = "\n".join(message["content"] for message in messages if message["role"] == "user")
    said = _text(record, "language") or defaults.language
    if said is None:
        detected = detect_language(users, expected=defaults.languages)
        if detected is None:
            raise FieldRefused("Its text doesn't tell the language; add the field language, such as en or zh.")
        return detected
    code = code_of(said)
    if code is None:
        raise FieldRefused(f"“{said}” is no language code such as en, zh or pt-br.", field="language")
    return code


def _text(record: Record, field: str) -> str | None:
    value = record.get(field)
    if value is not None and not isinstance(value, str):
        raise FieldRefused(f"{field} must be a text, not {_json_type(value)}.", field=field)
    return value


def _list(record: Record, field: str) -> list[Any]:
    value = record.get(field, [])
    if not isinstance(value, list):
        raise FieldRefused(f"{field} must be a list, not {_json_type(value)}.", field=field)
    return value


def _storable(text: str, field: str) -> str:
    try:
        return clean_text(text)
    except UnstorableText as unstorable:
        raise FieldRefused(str(unstorable), field=field) from unstorable


def _json_type(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list"}
    return names.get(type(value), "an object")
