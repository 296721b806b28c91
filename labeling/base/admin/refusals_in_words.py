"""What services refuse in English, listed so that the admin can say it in the reader's language (told.py).

A new refusal that an admin may meet gets its sentence here; a test finds those that lack one.
"""

from django.utils.translation import gettext_lazy as _

from labeling.base.admin.model_sentences import MODEL_FILES
from labeling.base.admin.option_sentences import OPTIONS
from labeling.base.admin.told import told

SENTENCES = (
    # campaigns
    _("Every flag of a rubric needs a key of its own, but the keys are: %(names)s."),
    _(
        "The rubric has %(count)s flags, and labelers have letters on their keyboard for %(most)s. Leave %(over)s "
        "out, or put some together."
    ),
    _("%(names)s can't be changed here: slugs and stages stay, states have their own buttons."),
    _("“%(campaign)s” compares models: %(names)s stay as its evaluation was planned."),
    _("Publish instructions and a rubric for “%(campaign)s” before opening it to labelers."),
    _("Work of “%(campaign)s” is held; give it back before closing."),
    _("“%(campaign)s” is real work: only campaigns of screening and practice ask for that."),
    _("The campaign “%(campaign)s” is %(state)s. Open it first."),
    _("Say who agreed, when, and where that is written."),
    _("“%(tag)s” is no language. The codes are %(names)s."),
    # people
    _("This is your own account. Let another admin close it."),
    _("This is the only account left that may do everything. Make another one first."),
    _("There is a user named %(name)s already."),
    _("%(labeler)s is simulated; held-out labelers are people, to compare with."),
    _("%(labeler)s holds work; give it back before suspending."),
    _("A quota is 1 or more. Suspend whoever shall do nothing."),
    _("“%(name)s” is no time zone such as Asia/Shanghai."),
    _("A break can be suggested after 1 to %(most)s minutes, or 0 for never."),
    _("A labeler needs at least one language: work is offered in these alone."),
    _("“%(slug)s” is no short name: use up to 32 letters, digits, - and _."),
    _("Give the skill a name that labelers read."),
    _("There is no such skill: %(names)s. Add it in the admin first."),
    _("There is a skill “%(slug)s” already."),
    _("There is no line with a labeler."),
    _("The account %(user)s is not active, so a token of it would open nothing."),
    _("It would expire before it is used. Give a time to come, or none."),
    _("It would expire before it is used. Give a time to come."),
    _("%(by)s may invite labelers alone. Ask an admin, who may change accounts, to invite a %(role)s."),
    _("%(by)s does not manage %(names)s."),
    _("Nobody begins %(state)s: choose %(names)s."),
    _("%(by)s may invite to screening alone: to let somebody past it is for an admin."),
    _("%(invitation)s was used already. Suspend or close the account that it made instead."),
    _("This account grades nothing: ask an admin for the role of a reviewer."),
    _(
        "This demonstration can't be graded by you now: it is your own, it was revised meanwhile, or a decision "
        "was made. Take the next one."
    ),
    _("%(candidate)s is no longer in screening. Somebody decided meanwhile; reload the page."),
    _("%(candidate)s has done all that there is. Add items to the screening campaign first, then ask for more."),
    _("Nobody resets their own: another admin does, who knows that it is you."),
    # work
    _("Ranking task %(number)s is %(state)s, not set aside."),
    _("Prompt %(number)s is set aside; put the prompt back and its tasks come with it."),
    _("Prompt %(number)s is not set aside."),
    _("Whoever wrote prompt %(number)s withdrew it, so that no work is handed out for it again."),
    _("Say why: whoever finds it set aside later has only the reason to go by."),
    _("Ranking task %(number)s can't be shown again: it, or its prompt, is not in use."),
    _("Ranking task %(number)s checks one labeler. Ask for another ranking of task %(original)s instead."),
    _("Ranking task %(number)s is gold: labelers meet it as a check, and not else."),
    _("Ranking task %(number)s or its prompt is set aside. Put it back into the queue first."),
    _("Ranking task %(number)s waits for a ranking already; look at it when that has come."),
    _("Only what was handed out to a labeler can be reviewed; this label came in another way."),
    _("Only a dialogue, a chat or an own prompt that was handed in can be reviewed."),
    _("Fewer than two labelers ranked this task, so there is nothing to adjudicate."),
    _("Several people ranked this task. Adjudicate it, or accept that they differ."),
    _("This is the work of one labeler; there is nothing to adjudicate."),
    _("A ranking of this task came or changed while you looked. Look again, then decide."),
    _("The labeler revised it while you looked at it. Look at the new revision, then decide."),
    _("The account of this labeler is closed, so nobody would read it. Accept or fix the work."),
    _("Nothing is changed. Accept the work as it is, or change it first."),
    _("This is no ranking or demonstration that was handed out to one labeler."),
    _("This was handed out to its labeler; there are no answers of their own writing."),
    _("This is your own work, or you ranked this task yourself. Another reviewer has to look at it."),
    _("This was decided already by %(name)s: %(state)s. Nothing was changed."),
    _("This was decided already: %(state)s. Nothing was changed."),
    _("It is not with its labeler any more. Look at the queue."),
    _("Say what is to be changed: the labeler has only that to go by."),
    _("The message is empty. Write something, then send it."),
    _("Say why: the labeler who reported it is told."),
    _("This report was decided already: %(state)s."),
    _("Ranking task %(number)s is gold already. Change its answer on the page of the gold item."),
    _("Ranking task %(number)s shows task %(original)s again. Make that one gold."),
    _("Ranking task %(number)s or its prompt is not in use. Put it back into the queue first."),
    _("The answer must give each completion of the task a rank, and no other. Reload the page."),
    _("Completions %(pair)s have the same rank, so no order of them can hold."),
    _("No pair is ticked, so nothing would have to hold and everybody would pass. Tick one."),
    _(
        "No two completions are %(apart)s or more ranks apart, so nothing would have to hold and everybody would "
        "pass. Choose fewer ranks, put the completions further apart, or tick single pairs."
    ),
    # exports
    _("%(directory)s holds another snapshot than the one on record. Export again."),
    _("Say why, for whoever looks at it later."),
    _("Only a labeler's work can be left out from a date on."),
    _("%(target)s is left out already. Take it in again first, to give another reason."),
    _("Whoever wrote this prompt withdrew it, so that its labels are not taken in again."),
    _("%(target)s was taken in again already."),
    _("%(target)s was left out by somebody else in the same moment."),
    _("A snapshot holds one or more of %(names)s, not %(given)s."),
    _("There is no split “%(split)s”; the splits are %(names)s."),
    _("Held-out labelers' work is in none of the splits; ask for one or the other."),
    _("Margins belong to pairs, and no pairs are asked for. Add the kind pairs."),
    _("There are no labels “%(labels)s”; choose one of %(names)s."),
    _("Demonstrations are not combined, so there are no %(labels)s ones. Ask for rankings or pairs as well."),
    _("An adjudication is nobody's own work, so none is held out; ask for one or the other."),
    _("There is no campaign “%(slug)s”; the campaigns are: %(names)s."),
    _("“%(slug)s” is a campaign of %(stage)s: what is done in it is no label, and never exported."),
    _("The time %(time)s names no time zone; write %(again)sZ for UTC."),
    _("Nothing can be handed in after %(since)s and up to %(until)s; give an earlier time."),
    _("%(time)s is still to come (it is %(now)s); what will be in it can't be known."),
    _("%(directory)s exists already, and a snapshot never changes. Name a new directory."),
    _("%(path)s is on record as snapshot %(number)s with other content; it was overwritten."),
    _("%(why)s; make room or choose another place, then export again."),
    _("No record matches: %(kinds)s as of %(time)s with the filters %(filters)s. Nothing was written."),
    _(
        "No record matches: %(kinds)s as of %(time)s with the filters %(filters)s. Nothing was written. "
        "%(count)s are left out of training; --include-left-out takes them."
    ),
    _("Nothing was changed: %(words)s."),
    # models
    _("There is no reward model “%(slug)s”; there are: %(names)s."),
    _("Only SFT models are sampled from. Reward models are loaded by scoring workers."),
    _("“%(server)s” is no address of SAMPLING_SERVERS, which names the servers to be used: %(names)s."),
    _("Say under which name the server knows the model: what its /v1/models lists."),
    _("There is no earlier %(kind)s model to roll back to."),
    _(
        "Meanwhile another model was promoted, rolled back or retired: rolling back would lead to %(now)s now, not"
        " to %(expected)s. Look again."
    ),
    _(
        "“%(version)s” can't be promoted yet: a worker loads it and uses it once first. Wait for that; where it "
        "takes long, see whether a %(worker)s worker is up."
    ),
    _(
        "“%(version)s” can't be promoted: the worker that tried it failed. %(why)s Mend that and have it checked "
        "again, or register another version."
    ),
    _(
        "“%(version)s” learned from simulated labelers, whose preferences are nobody's. Say in so many words that "
        "it may become current all the same."
    ),
    _("“%(version)s” can't be promoted: %(why)s"),
    _("There is a model version named “%(name)s” already; versions never change, choose a new name."),
    _("“%(version)s” is a version of %(model)s already; choose a new name."),
    _("Choose two different versions."),
    _("%(snapshot)s holds no comparison in the split %(split)s (it has some in: %(names)s). Choose another."),
    _("“%(version)s” is no reward model."),
    _(
        "Training run %(number)s is under way; there is never more than one of “%(model)s”. Wait for it, or end it"
        " in the admin."
    ),
    _("“%(model)s” watches “%(other)s” and can't be watched itself."),
    _("“%(watcher)s” watches “%(model)s” already. While it retrains by itself, both are trained together."),
    _("No watcher can be called %(slug)s: %(why)s"),
    _("“%(model)s” watches “%(other)s” and is fed by no campaign of its own."),
    _("POLICY_PRESET can't be used: %(why)s"),
    _("--checkpoint-every is 0: a run that is interrupted could not be gone on with. Give 1."),
    _("There is no language model to begin from: register and promote one, or choose a version."),
    _(
        "No version of %(model)s is current, so nothing says which answers are good. Train and promote one, or "
        "choose a version."
    ),
    _("“%(version)s” is a reward model. Choose a language model to begin from."),
    _("DPO learns from rankings and takes no reward model. Leave it out."),
    _("Only PPO optimises several reward models together. Leave them out."),
    _("Only PPO is watched by a reward model. Leave it out."),
    _(
        "“%(version)s” can't watch while it is optimised: it would see what it likes. Choose a version that "
        "learned from other labels, or none."
    ),
    _("“%(version)s” is retired. Choose a version that is current or a candidate, or promote it."),
    _("“%(version)s” can't be used: %(why)s Mend that and have it checked again."),
    _("%(snapshot)s has no %(words)s in its split train, so there is nothing to learn from."),
    _(
        "Policy run %(number)s is under way; there is never more than one %(stage)s run. Wait for it, or end it in"
        " the admin."
    ),
    _("“%(version)s” is no reward model. Choose one that gives rewards."),
    _("There are no held-out prompts: every prompt is of the split train. Add more submitters."),
    # evaluations and loops
    _("With a margin of 0 the candidate has to be better; say by how much it is expected to win, more than 50%%."),
    _("%(count)s models are too many for one ranking; %(most)s are the most."),
    _("One model alone can't be compared. Choose a baseline, or demonstrations."),
    _(
        "Models learn from the prompts of the split train, so that they would be judged by what they know. Choose "
        "test or valid."
    ),
    _("There is no split “%(split)s”. Choose test or valid."),
    _(
        "“%(source)s” has no prompt of the split %(split)s. Add prompts of further submitters (about one submitter"
        " in ten is in each of valid and test), or choose another split or campaign."
    ),
    _("“%(version)s” is a reward model, which answers nobody. Choose language models."),
    _("“%(version)s” is named twice. Choose different versions."),
    _("“%(version)s” learned from the prompts of the split %(split)s (snapshot %(number)s). Choose the other split."),
    _("“%(evaluation)s” is %(state)s; only a planned one can be started."),
    _("“%(version)s” was retired. Plan an evaluation of another candidate."),
    _("“%(evaluation)s” has not passed. To promote its candidate all the same, go to the model's own page."),
    _("“%(version)s” is current already."),
    _("“%(version)s” was retired meanwhile: %(reason)s"),
    _(
        "Meanwhile “%(now)s” is current, and the candidate was held against “%(before)s”. Evaluate them against "
        "each other, or promote it on its own page."
    ),
    _("The loop of “%(loop)s” is paused already."),
    _("The loop of “%(loop)s” is not paused."),
    # pay and surveys
    _("No period is open in which it could be corrected. Open one first."),
    _(
        "The period %(period)s is %(state)s: terms that begin on %(day)s would change nothing in it. Begin them "
        "after %(last)s, and correct what was paid by entries."
    ),
    _("The last day is before the first one."),
    _("A period is at most %(days)s days long."),
    _("The period %(period)s (%(zone)s) shares days with it: nothing is paid twice."),
    _(
        "It can be frozen from %(moment)s (%(zone)s) on: until then pages may report time that was worked before "
        "its end."
    ),
    _("Entry %(number)s is %(labeler)s's, in %(currency)s."),
    _("The period %(period)s was paid. Enter it into a later period."),
    _("Work is entered when the period is frozen; by hand only corrections and bonuses are."),
    _("%(labeler)s is simulated and earns nothing."),
    _("Say why, for the labeler and for whoever looks at it later."),
    _("A bonus is more than nothing; a correction may be negative, and is not nothing either."),
    _("Somebody opened a period with the same days in the same moment."),
    _("Give the round a name, such as Autumn 2026."),
    _("Another round is open. Close it first."),
    # any
    _("%(old)s can't become %(new)s; from %(from)s it can become: %(names)s."),
    _("%(name)s is no longer %(old)s, so it can't become %(new)s from there."),
)
"""By what they are about; those that would fit anything come last."""


def refusal_in_words(refusal: Exception) -> str:
    return told(str(refusal), (*SENTENCES, *OPTIONS, *MODEL_FILES))
