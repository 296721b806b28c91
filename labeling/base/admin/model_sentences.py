"""What is wrong with a model's files, as lm/ says it in English, listed so that the admin can say it in the reader's
language (told.py).
"""

from django.utils.translation import gettext_lazy as _

MODEL_FILES = (
    _("The model directory %(path)s does not exist."),
    _("The model directory %(path)s is a file, not a directory."),
    _(
        "The weights of %(path)s are quantised (%(method)s). A reward model is trained and computed from weights in "
        "floating point: give the model that they were made from, or dequantize() it and save that."
    ),
    _("%(path)s names no context length; add max_position_embeddings to it."),
    _(
        "The tokenizer of %(path)s makes token %(token)s and the model knows %(known)s: they don't belong together. "
        "Give the tokenizer that the model was trained with, or train its embedding for the new tokens "
        "(resize_token_embeddings)."
    ),
    _(
        "%(path)s holds its weights as %(names)s. Such files can run code when they are loaded, so only safetensors "
        "are taken: load the model where you trust it and write it with save_pretrained."
    ),
    _("%(path)s holds no weights: %(file)s or %(index)s is missing."),
    _("%(path)s names no weights. Copy the model again."),
    _("%(path)s names %(names)s, which is not there. Copy the model again."),
    _("%(path)s names %(name)s, which none of the files holds. Copy the model again."),
    _("%(path)s is not valid JSON (%(words)s). Copy it again."),
    _("%(path)s holds no JSON object. %(why_so)s"),
    _("%(path)s is missing. %(why_so)s"),
    _("A model directory is what transformers' save_pretrained writes."),
    _("Write it with AutoTokenizer.from_pretrained(…).save_pretrained(…) into the model's directory."),
    _("Copy the model again."),
    _(
        "%(path)s holds an adapter, not a whole model: transformers would look for its base elsewhere. Merge it into "
        "the base (peft: merge_and_unload) and write that with save_pretrained."
    ),
    _(
        "%(path)s is a reward model (it has the head %(head)s), so nothing can be sampled from it. Register it as a "
        "reward model, or give the language model."
    ),
    _(
        "The weights of %(path)s lack lm_head.weight, and its embeddings are not tied: every sampled token would be "
        "random. Save the whole model again, with its head; only a model that was trained so has tie_word_embeddings "
        "true in its config.json."
    ),
    _(
        "%(path)s is not a reward model: its weights lack %(head)s. A language model has no such head; train one "
        "from it (python -m rm_trainer train --base …), or register it as an SFT model."
    ),
    _(
        "%(head)s of %(path)s gives %(count)s numbers; a reward model gives one. Concord reads models saved as "
        "AutoModelForSequenceClassification with num_labels=1."
    ),
    _(
        "The weights of %(path)s are named “%(wrapper)s.…”, as %(source)s wraps a model (%(name)s): transformers "
        "finds none of them and draws random ones. Save the model inside: unwrap it first (accelerate: "
        "unwrap_model), or take the prefix out of the names."
    ),
    _(
        "The weights of %(path)s lack %(name)s: config.json names %(stated)s layers, and %(there)s are there. Save "
        "or copy the whole model again."
    ),
    _(
        "The weights of %(path)s lack %(name)s, which other layers have (%(count)s weights of that layer in all). "
        "Save or copy the whole model again."
    ),
    _("%(path)s is cut off inside its header. Copy the model again."),
    _("%(path)s is not a safetensors file: its header is broken. Copy it again."),
    _("%(path)s should have %(needed)s bytes and has %(there)s. Copy the model again."),
    _("The weights of %(path)s lack %(names)s. They would be random: give a complete checkpoint."),
    _(
        "The weights of %(path)s have another shape than config.json says at %(names)s. They would be random: give a "
        "complete checkpoint."
    ),
    _("%(path)s is a reward model (it has the head %(head)s), not a language model."),
    _(
        "%(path)s can be loaded only by running code that lies in it, which Concord never does. Give a model of an "
        "architecture that transformers has itself."
    ),
    _("%(path)s can't be loaded as a tokenizer: %(words)s"),
    _("%(path)s can't be loaded as a model: %(why)s"),
)
"""Of lm/model_directory.py, lm/checkpoint_weights.py and lm/pretrained.py."""
