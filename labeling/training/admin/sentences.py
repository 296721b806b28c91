"""What training says in English, listed so that its pages can say it in the reader's language (base/admin/told.py)."""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from labeling.base.admin.model_sentences import MODEL_FILES
from labeling.base.admin.option_sentences import OPTIONS
from labeling.base.admin.told import told
from labeling.model_versions.models import Promotion

FAILURES = (
    _("Ended by an admin: %(reason)s"),
    _("It was begun %(times)s times without getting on. The last time: %(why)s"),
    _("Its worker was stopped."),
    _("Nothing was heard of its worker for %(seconds)s s; it was killed or lost its host."),
    _(
        "The training process made no progress for %(minutes)s minutes (TRAINING_SILENT_MINUTES); it hung, and was "
        "ended."
    ),
    _("The training process was ended by %(signal)s. The end of its log:\n%(log)s"),
    _("The training process ended with exit status %(status)s. The end of its log:\n%(log)s"),
    _(
        "There is no comparison to train on yet: the train split has no ranking with two different ranks. Rank more "
        "completions, or ask for simulated rankings to be included."
    ),
    _("There is no base model: register and promote an SFT model, or name one in the recipe."),
    _("The weights of %(path)s lack %(names)s. Give a complete checkpoint."),
    _(
        "The device has not enough memory (lower --tokens-per-microbatch or give --recompute-activations): %(words)s. "
        "%(how)s"
    ),
    _("The device failed: %(words)s. %(how)s"),
    _("Another process of the run is gone: %(words)s. %(how)s"),
    _("%(path)s could not be written: %(words)s. Nothing of it is left behind."),
    _("%(path)s has %(free)s GiB free and the run needs %(needed)s GiB. Make room, or give an --output elsewhere."),
    _("Another training writes to %(path)s. Wait for it, or give another --output."),
    _(
        "%(path)s holds the checkpoint of a run with other options or other data. Go on with those, give another "
        "--output, or remove it."
    ),
    _(
        "All %(count)s training rankings in %(path)s are ties, so there is no pair to learn from. Collect more "
        "rankings and export again."
    ),
    _("Line %(number)s of %(path)s can't be used: %(words)s."),
    _("%(path)s does not match its sha256: it is damaged or was changed. Export the snapshot again."),
    _(
        "Step %(step)s: the loss is %(loss)s and its gradient's norm %(norm)s. Nothing was written. The rankings of "
        "this batch: %(rankings)s. A lower --learning-rate or --dtype float32 may help."
    ),
    _(
        "Step %(step)s: the loss jumped to %(loss)s; %(usual)s was usual. Nothing was written. The rankings of this "
        "batch: %(rankings)s. Look at them, lower --learning-rate, or raise --spike-factor."
    ),
    _("The model gives a reward that is not a finite number. Its weights are broken, or the precision is too low."),
    _(
        "No ranking to learn from in %(path)s is of the %(half)s half: its prompts are too few to be parted. Rank more "
        "prompts, or give --half all."
    ),
    _("The written model gives demonstrations the mean reward %(reward)s instead of 0, so it was discarded."),
    *OPTIONS,
    *MODEL_FILES,
)
"""Of a training run: `failure` and `interruption`."""

STATE_REASONS = (
    _("Replaced by %(version)s."),
    _("Rolled back from %(version)s."),
    _("Rolled back; no model was current."),
    _("The first model to sample from."),
)
"""Of a model version, and of its promotions, where no admin wrote them."""

TRIGGERS = (
    _("%(campaign)s has %(count)s new rankings (the threshold is %(threshold)s)."),
    _("%(campaign)s has %(count)s new rankings, the oldest %(days)s days old."),
)
"""Of a training run: `trigger_note`, where beat asked for it."""


def failure_in_words(text: str) -> str:
    """Why a run failed or was interrupted, in the reader's language where it is known."""
    return told(text, FAILURES)


def reason_in_words(text: str) -> str:
    """Why a version is in its state, in the reader's language where it is known."""
    return told(text, STATE_REASONS)


def trigger_in_words(text: str) -> str:
    """What set a run off, in the reader's language where it is known."""
    return told(text, TRIGGERS)


def promotions_in_words(promotions: Iterable[Promotion]) -> list[Promotion]:
    """The promotions with their reasons in the reader's language, to be shown and not saved."""
    shown = list(promotions)
    for promotion in shown:
        promotion.reason = reason_in_words(promotion.reason)
    return shown
