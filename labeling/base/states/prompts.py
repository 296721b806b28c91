"""Where prompts come from (labelers, files, kept conversations) and what they are about."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ImportState(models.TextChoices):
    """CHECKING: a pass reads the file and writes nothing. UNDONE: all that came in was taken out again."""

    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked")
    IMPORTING = "importing", _("Being imported")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    UNDONE = "undone", _("Undone")


class ContentWarning(models.TextChoices):
    """What a prompt may hold that some people would rather not meet; each labeler opts out of what they like."""

    VIOLENCE = "violence", _("Violence")
    SEXUAL = "sexual", _("Sexual content")
    SELF_HARM = "self_harm", _("Self-harm and suicide")
    HATE = "hate", _("Hate and insults")
    MEDICAL = "medical", _("Illness and medicine")
    OTHER_SENSITIVE = "other_sensitive", _("Other sensitive content")


class PromptSource(models.TextChoices):
    """Where a prompt came from: the three labeler kinds of InstructGPT §3.2, the API or playground, or a file."""

    LABELER_PLAIN = "labeler_plain", _("Labeler, plain")
    LABELER_FEW_SHOT = "labeler_few_shot", _("Labeler, few-shot")
    LABELER_USER_BASED = "labeler_user_based", _("Labeler, user-based")
    API = "api", _("API")
    PLAYGROUND = "playground", _("Playground")
    IMPORT = "import", _("Import")


class ConversationState(models.TextChoices):
    """Of a conversation that somebody let us keep. HELD: it holds personal data, and somebody has to look."""

    KEPT = "kept", _("Kept")
    HELD = "held", _("Held back")
    PASSED_OVER = "passed_over", _("Passed over")
    PROMPT = "prompt", _("Prompt")


class PersonalDataRule(models.TextChoices):
    """What is done with a conversation that holds personal data, before it becomes a prompt."""

    MASK = "mask", _("Mask it")
    HOLD = "hold", _("Hold it until somebody has looked")


class UseCase(models.TextChoices):
    """The ten use cases of InstructGPT's Table 1."""

    GENERATION = "generation", _("Generation")
    OPEN_QA = "open_qa", _("Open QA")
    BRAINSTORMING = "brainstorming", _("Brainstorming")
    CHAT = "chat", _("Chat")
    REWRITE = "rewrite", _("Rewrite")
    SUMMARIZATION = "summarization", _("Summarization")
    CLASSIFICATION = "classification", _("Classification")
    OTHER = "other", _("Other")
    CLOSED_QA = "closed_qa", _("Closed QA")
    EXTRACT = "extract", _("Extract")
