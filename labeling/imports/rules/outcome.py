"""What an import did or would do: counts, and what was found on the way. It can be kept as JSON. Pure."""

from dataclasses import asdict, dataclass, field
from typing import Any

from labeling.imports.rules.findings import Example, Finding, Findings

ACCEPTED_SHOWN = 5
FEW = 2
"""Of fewer prompts nobody expects several splits."""


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """One of the first prompts that come in, as it was read."""

    line: int
    format: str
    text: str
    answers: str
    language: str
    use_case: str
    submitter: str
    split: str


@dataclass(kw_only=True)
class ImportResult:
    """What came in, or would come in where nothing was `written`."""

    prompts: int = 0
    demonstrations: int = 0
    ranking_tasks: int = 0
    comparisons: int = 0
    references_left_out: int = 0
    answers_left_out: int = 0
    """Completions that were empty or the same as another of their prompt."""
    not_demonstrated: int = 0
    """Prompts with existing comparisons, of which no demonstrations are asked although the campaign wants some."""
    lines_together: int = 0
    """With one answer each, that were put together by their prompt."""
    prompts_of_lines: int = 0
    """What these lines became."""
    refused: Findings = field(default_factory=Findings)
    warnings: Findings = field(default_factory=Findings)
    spanning: Finding = field(default_factory=Finding)
    """Records of a CSV file that span several lines."""
    formats: dict[str, int] = field(default_factory=dict)
    """Records by public format; Concord's own is not counted."""
    splits: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    written: bool = False

    @property
    def only_split(self) -> str | None:
        """The split that all prompts are in, where there are enough that they should be in several."""
        return next(iter(self.splits)) if len(self.splits) == 1 and self.prompts >= FEW else None

    def as_json(self) -> dict[str, Any]:
        """PostgreSQL keeps the order of lists, and not that of keys."""
        return asdict(self) | {
            "refused": _listed(self.refused),
            "warnings": _listed(self.warnings),
            "columns": list(self.columns.items()),
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "ImportResult":
        return cls(
            **kept
            | {
                "refused": _findings(kept["refused"]),
                "warnings": _findings(kept["warnings"]),
                "spanning": _finding(kept["spanning"]),
                "columns": dict(kept["columns"]),
                "accepted": [Accepted(**each) for each in kept["accepted"]],
            }
        )


def _listed(findings: Findings) -> dict[str, Any]:
    return {"count": findings.count, "kinds": [[kind, asdict(each)] for kind, each in findings.kinds.items()]}


def _findings(kept: dict[str, Any]) -> Findings:
    return Findings(count=kept["count"], kinds={kind: _finding(each) for kind, each in kept["kinds"]})


def _finding(kept: dict[str, Any]) -> Finding:
    return Finding(count=kept["count"], examples=[Example(**each) for each in kept["examples"]])
