"""How the trainers refuse an option's value in English, listed so that recipes and runs can say it in the reader's
language (told.py).
"""

from django.utils.translation import gettext_lazy as _

OPTIONS = (
    _("--%(option)s is %(value)s; it must be a number above 0."),
    _("--%(option)s is %(value)s; it must be at least 0 and below %(most)s."),
    _("--%(option)s is %(value)s; it must be at least %(least)s."),
    _("--%(option)s is %(value)s; it must be between 0 and 1."),
    _(
        "--%(option)s %(value)s is no multiple of --completions %(count)s; a prompt's answers stay together, so that "
        "it is read once for them."
    ),
    _("--batch %(value)s is no multiple of --minibatch %(count)s."),
    _("--advantage %(value)s compares the answers of one prompt and --completions is 1. Give 2."),
    _(
        "--advantage-scale batch divides advantages by what they shrink to, so that %(options)s beside them would "
        "lose all weight as the policy converges. Give frozen or none."
    ),
    _(
        "--lora-rank %(rank)s leaves all layers as they are and trains adapters on each, so --freeze-layers "
        "%(layers)s contradicts it. Leave one of the two out."
    ),
    _("--freeze-layers %(layers)s is more than the %(all)s layers that the model has."),
    _("--optimizer adamw8bit needs the package torchao: pip install torchao==%(version)s."),
)
