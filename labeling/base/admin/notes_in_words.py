"""What services and workers write down in English, listed so that the admin can say it in the reader's language
(told.py): why something was set aside, passed over or failed.

A new note that a page shows as it is stored gets its sentence here; a test finds those that lack one.
"""

from django.utils.translation import gettext_lazy as _

from labeling.base.admin.model_sentences import MODEL_FILES
from labeling.base.admin.refusals_in_words import SENTENCES
from labeling.base.admin.told import told

NOTES = (
    _(
        "Only %(count)s distinct completions could be sampled, and a ranking needs %(needed)s. Raise the campaign's "
        "temperature, or set the prompt aside."
    ),
    _("%(lacking)s of %(models)s models gave no answer, or nobody wrote one."),
    _("All models that are compared gave the same answer, so there is nothing to rank: they tie."),
    _("Its worker died in the middle of it."),
    _("%(count)s workers died at it (killed, or out of memory). It is not tried again."),
    _("Prompt %(number)s was set aside."),
    _("Withdrawn by whoever wrote it."),
    _("Import %(number)s (%(file)s) was undone."),
    _("Evaluation %(number)s has ended."),
    _(
        "The prompt has %(tokens)s tokens; at most %(limit)s fit, since the model's context is %(context)s tokens "
        "and %(kept)s of them are kept for the answer. Shorten the prompt or lower max_new_tokens."
    ),
    _("The model's chat template refuses the conversation: %(why)s"),
    _("The tokenizer makes token %(token)s of the prompt and the model knows %(known)s: they don't belong together"),
    _(
        "The model computed no usable probabilities in %(dtype)s. Load it with dtype=float32; if that does not help, "
        "its weights are damaged."
    ),
    _("The sampling server says: %(words)s"),
    _("Not sampled (language: unknown)."),
    _("Not sampled (language: %(language)s)."),
    _("It holds personal data: %(kinds)s."),
    _("It starts like prompt %(number)s, which is in the campaign already (near-duplicate)."),
    _("Submitter “%(name)s” has %(count)s prompts already, the most that one submitter may have."),
    _("No language model is registered and current."),
    _("No worker answered within %(seconds)s seconds."),
    _("Everything that the model said was empty."),
    _("No scoring worker answered within %(minutes)s minutes."),
    _(
        "It ends its turn at once: %(count)s answers to a greeting were all empty. Its chat template may not be the "
        "one that it was trained with, or its weights are damaged."
    ),
    _("It can't score a short answer: %(why)s"),
    _(
        "It gives two different answers the rewards %(first)s and %(second)s: its head, or its chat template, leaves "
        "the answer out."
    ),
    _("%(said)s (%(tokens)s tokens, mean log-probability %(logprob)s)"),
    _("%(why)s (model %(version)s)"),
)
"""Those that begin with anything come last."""


def note_in_words(text: str) -> str:
    return told(text, (*NOTES, *MODEL_FILES, *SENTENCES))
