"""What policy runs say in English, listed so that their pages can say it in the reader's language."""

from django.utils.translation import gettext_lazy as _

from labeling.base.admin.told import told
from labeling.training.admin.sentences import FAILURES as TRAINING_FAILURES

DECISIONS = (
    _("Kept as candidate: a policy is promoted by hand, or by an evaluation with people."),
    _("“%(version)s” was retired meanwhile; the run went on with it as it was recorded."),
    _("The training stopped by itself: %(why)s"),
    _("What “%(version)s” was measured on is not known here, so nobody could see whether these prompts are among it."),
)
"""The lines of PolicyRun.decision."""

STOPS = (
    _("The KL to the SFT model is %(kl)s nats, over its budget of %(budget)s."),
    _("A token's entropy fell from %(first)s to %(now)s nats: the policy says one thing."),
    _("Answers shrank from %(first)s to %(now)s tokens."),
    _("its %(hours)s hours are over, %(episodes)s episodes."),
    _(
        "The watched reward fell from %(best)s after iteration %(iteration)s to %(now)s while the optimised one rose "
        "from %(before)s to %(after)s: the policy pleases its reward model alone."
    ),
)
"""Why PPO stops by itself (policy_trainer/watch.py)."""

OF_THE_TRAINER = (
    _(
        "%(count)s prompts of %(where)s are longer than %(room)s tokens, which is what %(answer)s tokens of an answer "
        "leave of %(length)s (number %(numbers)s). Give --leave-out-long-prompts, a lower --max-new-tokens, or a "
        "larger --max-length if the model reads more."
    ),
    _(
        "%(path)s has another %(what)s than the policy, so its value function can't read the policy's tokens. Train a "
        "reward model from the policy's own base or SFT model."
    ),
    _(
        "%(path)s orders %(share)s of %(pairs)s validation pairs as the labelers did: worse than chance, so a policy "
        "would be trained against them. Train the reward model again."
    ),
    _(
        "The reward model gives all of %(count)s answers the reward %(reward)s. It tells nothing apart: train it on "
        "more rankings, or look at its validation accuracy."
    ),
    _(
        "The reward model can't read an answer to prompt %(number)s: with it the prompt is over its length. Lower "
        "--max-new-tokens, or train the reward model with a larger --max-length."
    ),
    _(
        "%(path)s has no prompts in its split %(split)s for --reward-model to choose an epoch by. Export some, or "
        "leave --reward-model out."
    ),
    _(
        "%(base)s has no token that ends a turn: its tokenizer names no end of sequence, and neither do its chat "
        "template and generation_config.json. It would never learn to stop. Give the tokenizer an eos_token."
    ),
    _("There is no pretraining text in %(source)s. Give a directory of plain files as --pretraining."),
    _(
        "Where the residual branches of %(model)s end isn't known here, so --residual-dropout %(share)s can't be "
        "done. Give --residual-dropout 0."
    ),
    _(
        "--watched-reward-model %(path)s is optimised, too: it would see what it likes. Give one that learned from "
        "other labels, or none."
    ),
    _(
        "%(count)s prompts of %(path)s begin like prompts of the snapshot that are measured on (number %(numbers)s). "
        "What a policy was trained on says nothing of it: take them out."
    ),
    _("Line %(number)s of %(path)s is of the split %(split)s, which is measured on. Take it out."),
    _("%(path)s can't be read (%(words)s). Give a JSONL file as --prompts."),
    _("There are no prompts to train on in %(path)s. Export a snapshot with a split %(split)s."),
    _("%(path)s can't be read as UTF-8 text (%(words)s). Take it out of --pretraining."),
    _(
        "%(count)s files of --pretraining hold %(words)s words in a row of prompts that are measured on (first: "
        "%(path)s). Take them out."
    ),
    _("%(path)s holds no reward models. Give --ensemble a directory with one in each folder."),
    _("%(path)s is not a directory. Give a reward model as `python -m rm_trainer train` writes it."),
    _("The logits of this %(kind)s are no finite numbers: its weights are broken. Give another model."),
    _(
        "%(kind)s does something to its logits behind the head, which this trainer doesn't know. Give a model of "
        "another architecture."
    ),
    _("Nothing of the policy is left to train. Freeze less."),
    _(
        "The policy gives no usable probabilities at prompt %(number)s. Its weights are broken, or the precision is "
        "too low: try --dtype float32."
    ),
    _(
        "Sampler and trainer differ by %(gap)s nats a token, which is no rounding: one of them computes another model. "
        "Try --dtype float32; if that doesn't help, please report it with the model's config.json."
    ),
    _("Answers of the weights after %(old)s updates are to be learned from after %(new)s."),
    _("%(words)s Lower --max-new-tokens, or take a device with more memory."),
    _("Prompt %(number)s can't be used: %(words)s."),
)
"""The refusals of policy_trainer; its page quotes those of options that no recipe gives."""

FAILURES = (
    *TRAINING_FAILURES,
    _(
        "There is no demonstration to learn from yet: the split train has none. Have some written, or ask for those of "
        "simulated labelers to be included."
    ),
    _(
        "There is no prompt to train on yet: the split train has none that is not set aside. Import prompts into a "
        "campaign, or ask for simulated campaigns to be included."
    ),
    _(
        "There is no comparison to learn from yet: the split train has no ranking with two different ranks. Have more "
        "ranked, or ask for what simulated labelers made to be included."
    ),
    _(
        "%(count)s prompts of the split train of %(snapshot)s begin like prompts that “%(version)s” is measured on "
        "(%(other)s). A policy is trained on prompts of that split alone: choose another snapshot."
    ),
    _(
        "Step %(step)s: the loss is %(loss)s and its gradient's norm %(norm)s. Nothing was written. The prompts of "
        "this batch: %(numbers)s. A lower --learning-rate or --dtype float32 may help."
    ),
    _(
        "Step %(step)s: the loss is %(loss)s and its gradient's norm %(norm)s. Nothing was written. The "
        "demonstrations of this batch: %(numbers)s. A lower --learning-rate or --dtype float32 may help."
    ),
    _(
        "Step %(step)s: the loss jumped to %(loss)s; %(usual)s was usual. Nothing was written. The prompts of this "
        "batch: %(numbers)s. Look at them, lower --learning-rate, or raise --spike-factor."
    ),
    _(
        "Step %(step)s: the loss jumped to %(loss)s; %(usual)s was usual. Nothing was written. The demonstrations of "
        "this batch: %(numbers)s. Look at them, lower --learning-rate, or raise --spike-factor."
    ),
    *OF_THE_TRAINER,
)
"""Of a run of either kind: `failure` and `interruption`."""


def failure_in_words(text: str) -> str:
    """Why a run of either kind failed or was interrupted, in the reader's language where it is known."""
    return told(text, FAILURES)


def decision_in_words(decision: str) -> str:
    """Each line in the reader's language where it is known."""
    return "\n".join(told(line, (*DECISIONS, *STOPS)) for line in decision.splitlines())
