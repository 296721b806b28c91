"""What was chosen for a file, as it is kept with its import. Pure."""

from typing import TypedDict

from labeling.base.states import UseCase
from labeling.imports.rules.rows import Defaults, Take


class Options(TypedDict):
    """`Defaults` as JSON."""

    submitter: str | None
    language: str | None
    languages: list[str]
    use_case: str | None
    with_reference: bool
    ignore: list[str]
    columns: dict[str, str]
    take: str
    take_alike: bool
    demonstrate_compared: bool


def options_of(defaults: Defaults) -> Options:
    return Options(
        submitter=defaults.submitter,
        language=defaults.language,
        languages=list(defaults.languages),
        use_case=defaults.use_case.value if defaults.use_case else None,
        with_reference=defaults.with_reference,
        ignore=sorted(defaults.ignore),
        columns=dict(defaults.columns),
        take=defaults.take.value,
        take_alike=defaults.take_alike,
        demonstrate_compared=defaults.demonstrate_compared,
    )


def defaults_of(options: Options) -> Defaults:
    return Defaults(
        submitter=options["submitter"],
        language=options["language"],
        languages=tuple(options["languages"]),
        use_case=UseCase(options["use_case"]) if options["use_case"] else None,
        with_reference=options["with_reference"],
        ignore=frozenset(options["ignore"]),
        columns=options["columns"],
        take=Take(options["take"]),
        take_alike=options["take_alike"],
        demonstrate_compared=options["demonstrate_compared"],
    )
