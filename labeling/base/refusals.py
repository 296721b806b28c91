"""The exceptions with which services refuse. Views, the admin and commands turn them into pages, messages and exit
codes; the text is for logs and operators.
"""


class Refusal(Exception):
    """The base class. The message says what was wrong, where, and what to do next."""


class LabelerNotActive(Refusal):
    """The labeler is invited or suspended, so no work is handed out or taken."""


class CampaignNotOpen(Refusal):
    """The campaign was closed while the labeler was at work; the draft is kept."""


class WorkBusy(Refusal):
    """Others hold locks on all the work that waits: whether some is left for this labeler can't be said yet."""


class LeaseLost(Refusal):
    """The lease ran out and somebody else took the last place; the draft is kept."""


class AlreadySkipped(Refusal):
    """The labeler skipped this piece of work before."""


class AlreadySubmitted(Refusal):
    """The work was handed in before; the first submission counts."""


class AlreadyDiscarded(Refusal):
    """The labeler discarded this piece of work before."""


class NotRevisable(Refusal):
    """It was not handed in, or too many were since, so it can be read and no longer revised."""


class WorkSetAside(Refusal):
    """The prompt or the task was set aside, so nothing new is taken for it."""


class SecondFactorRefused(Refusal):
    """The code is wrong, or the account may not do without a second factor."""


class EvaluationRefused(Refusal):
    """An evaluation can't be planned, started or decided so."""


class LoopRefused(Refusal):
    """A loop can't be set up, or a turn be taken up, so."""


class UnknownLanguage(Refusal):
    """A code is that of no language that people and prompts may have."""


class NotOffered(Refusal):
    """The campaign does not ask for that kind of writing, or not in a language of the labeler's."""


class DraftConflict(Refusal):
    """Another tab or device saved a newer draft of the same work. `current_page` names the page that did."""

    def __init__(
        self, message: str, *, current_version: int, current_draft: dict[str, object], current_page: str
    ) -> None:
        super().__init__(message)
        self.current_version = current_version
        self.current_draft = current_draft
        self.current_page = current_page


class EmptyText(Refusal):
    """A demonstration of nothing but white space."""


class EditRefused(Refusal):
    """Nothing was changed, or the completion that was improved is not among the best of the ranking."""


class EditAlreadyRanked(EditRefused):
    """The improved text is another completion of the same ranking: one text would stand at two ranks.

    `shown_position` is where the labeler saw that one.
    """

    def __init__(self, message: str, *, shown_position: int) -> None:
        super().__init__(message)
        self.shown_position = shown_position


class PromptRefused(Refusal):
    """The prompt can't be taken. `twin_id` names the prompt that it duplicates, if that is why."""

    def __init__(self, message: str, *, twin_id: int | None = None) -> None:
        super().__init__(message)
        self.twin_id = twin_id


class ChatRefused(Refusal):
    """It is not the labeler's turn in a chat, or there is nothing in it to rank."""


class StatementGone(Refusal):
    """The use case that a prompt was written for is not shown by the campaign any more."""


class InvalidCompletions(Refusal):
    """Given completions do not make a ranking task."""


class ModelRefused(Refusal):
    """The path is not a checkpoint that can be registered, or the version can't take that state."""


class ServingUnavailable(Refusal):
    """No language model answers now: none is current, it is being loaded, too many wait, or its server is down.

    `wait_seconds`: when it is worth asking again.
    """

    def __init__(self, message: str, *, wait_seconds: int) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class ServingRefused(Refusal):
    """The model can't take the conversation or its settings. `param` names the field that is to blame; "": none.

    `code`: a word for programs, such as context_length_exceeded.
    """

    def __init__(self, message: str, *, param: str = "", code: str = "") -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class NoRewardModel(Refusal):
    """No reward model is current, so nothing can be scored."""


class ScoringRefused(Refusal):
    """What is to be scored is not a prompt with completions, or too much at once."""


class TooManyRequests(Refusal):
    """The account asked as often as it may within a minute."""

    def __init__(self, message: str, *, wait_seconds: int) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class AlreadyWanted(Refusal):
    """The task waits for a ranking as it is; one more would change nothing yet."""


class RetrainingRefused(Refusal):
    """A retraining can't start now; the message says why."""


class PolicyRefused(Refusal):
    """A policy can't be trained from these models or by this recipe; the message says why."""


class ComparisonRefused(Refusal):
    """Two models can't be compared on those rankings; the message says why."""


class SnapshotRefused(Refusal):
    """A snapshot can't be written or trusted; the message names the directory or the file."""


class ExclusionRefused(Refusal):
    """The labels can't be left out or taken in again; the message says why."""


class NothingToExport(SnapshotRefused):
    """No record matches the filters; a snapshot of nothing would only surprise its reader."""


class ImportRefused(Refusal):
    """A file can't be imported as a whole; single lines are refused one by one."""


class NotUndoable(Refusal):
    """Somebody worked with what an import brought, so it can't be taken out again."""


class CampaignRefused(Refusal):
    """The campaign can't be changed that way; the message says what is missing."""


class LabelerRefused(Refusal):
    """The labeler can't be changed that way; the message says why."""


class PayRefused(Refusal):
    """The ledger can't be changed that way; the message says why and what to do instead."""


class SurveyRefused(Refusal):
    """A survey can't be opened or answered; the message says why."""


class AlreadyAnswered(SurveyRefused):
    """The labeler answered this survey before; the first answers count."""


class SkillRefused(Refusal):
    """A skill can't be named that way, or there is no such skill."""


class TokenRefused(Refusal):
    """An API token can't be made that way; the message says why."""


class KeyReused(Refusal):
    """An Idempotency-Key came with another request before."""


class KeyInUse(Refusal):
    """The request with that Idempotency-Key is being answered right now."""


class AccountRefused(Refusal):
    """The account can't be closed; the message says why."""


class ReasonMissing(Refusal):
    """Something is set aside or ended without saying why."""


class GoldRefused(Refusal):
    """The task can't be gold, or the answer is none."""


class InvitationRefused(Refusal):
    """The invitation can't be made like that, or not by this account."""


class InvitationGone(Refusal):
    """The invitation opens nothing any more. `why`: unknown, used, withdrawn or expired."""

    def __init__(self, message: str, *, why: str) -> None:
        super().__init__(message)
        self.why = why


class ScreeningRefused(Refusal):
    """A decision or a grade that can't be made now; the message says why."""


class NotSetAside(Refusal):
    """There is nothing to put back, or what it hangs on is still set aside."""


class OwnWork(Refusal):
    """A reviewer would decide on what they made themselves."""


class ReviewRefused(Refusal):
    """The review can't be decided that way; the message says why."""


class AlreadyDecided(Refusal):
    """Somebody decided the review meanwhile, so nothing was done."""
