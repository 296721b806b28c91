"""What imports say in English, listed so that their pages can say it in the reader's language (base/admin/told.py)."""

from dataclasses import replace

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from labeling.base.admin.notes_in_words import NOTES
from labeling.base.admin.told import told
from labeling.base.states import UseCase
from labeling.imports.models import PromptImport
from labeling.imports.rules.outcome import ImportResult

SENTENCES = (
    _("It starts like line %(line)s of this file (near-duplicate)."),
    _("It starts like another new prompt (near-duplicate)."),
    _("The same comparison of the same prompt is there already."),
    _("The submitter's name is empty; the split hangs on it, so every prompt needs one."),
    _("The submitter's name must have 1 to %(most)s characters."),
    _("“%(code)s” is no language; give a code such as en or zh."),
    _("“%(code)s” is no language code such as en, zh or pt-br."),
    _("Its text doesn't tell the language; add the field language, such as en or zh."),
    _("“%(name)s” is no source; the sources are %(names)s."),
    _("“%(name)s” is no use case; the use cases are %(names)s."),
    _("“%(name)s” is no content warning; the warnings are %(names)s."),
    _("%(field)s must be a list of names; %(value)s is none."),
    _("%(field)s must be a text, not %(why)s."),
    _("%(field)s must be a list, not %(why)s."),
    _("%(field)s must be a text."),
    _("%(field)s must be a number."),
    _("%(field)s must be a text or a list of messages."),
    _("true or false"),
    _("a number"),
    _("a text"),
    _("a list"),
    _("an object"),
    _("It has no prompt: one of the fields %(names)s must be there."),
    _("It has %(names)s; only one of them can be the prompt."),
    _("Two fields are taken for %(field)s."),
    _("The field “%(name)s” is unknown beside %(form)s. Known are %(names)s. To leave it out, ignore it by name."),
    _("The field “%(name)s” is unknown in %(format)s records. To leave it out, ignore it by name."),
    _("instances must be a list of {input, output}."),
    _("It has input and instances; only one of them can be the input."),
    _("Instance %(number)s is no object of input and output."),
    _(
        "%(count)s completions were given; a ranking task needs %(fewest)s to %(most)s. %(two)s to %(nine)s with "
        "ranks would be an existing comparison; with the answers left out the prompt comes in alone."
    ),
    _(
        "1 completion was given; a ranking task needs %(fewest)s to %(most)s. %(two)s to %(nine)s with ranks would"
        " be an existing comparison; with the answers left out the prompt comes in alone."
    ),
    _("%(count)s completions were given; a ranking task needs %(fewest)s to %(most)s."),
    _("Of %(count)s completions only %(distinct)s is distinct and not empty: nothing to compare."),
    _("Completion %(number)s does not name the model that wrote it."),
    _("Some completions have a rank and some have none."),
    _("Completion %(number)s is no object of text and model."),
    _("Completion %(number)s: text and model must be texts."),
    _("Completion %(number)s: rank must be a whole number from 1 (best)."),
    _("Completion %(number)s is the same text as another of a different rank."),
    _("Completion %(number)s: %(why)s"),
    _("A comparison has %(fewest)s to %(most)s distinct completions that are not empty; this one has %(count)s."),
    _("Its ranks have gaps; they must be 1, 2, 3 … with ties."),
    _("strengths must be %(count)s whole numbers from 1 to %(most)s, one between neighbouring ranks."),
    _("annotator must be a name of at most %(most)s characters."),
    _("It has demonstration and demonstrations; put all of them in one."),
    _("A demonstration is empty or no text."),
    _("Its completions have no ranks, so the best of them is not known."),
    _("At most %(count)s lines may hold an answer to one prompt."),
    _("%(count)s lines hold an answer to this prompt. %(why)s"),
    _("chosen and rejected differ in more than their last message."),
    _("It has no prompt, and chosen is a text: where its prompt ends can't be told."),
    _("preference is empty: the annotator gave no answer to this pair."),
    _("%(field)s has no prompt: one of %(names)s must be there."),
    _("An item of %(field)s has no text."),
    _("One of %(count)s answers was chosen; how the others compare is not said."),
    _("%(field)s names the answer “%(name)s”, which is not there."),
    _("A pairwise result needs two answers, of which left or right is selected."),
    _("A ranker's result must be one list; what several buckets mean is not said."),
    _("conversations must be a list of {from, value}."),
    _("Message %(number)s is no object of from and value."),
    _("Message %(number)s is from “%(name)s”, which is no known speaker."),
    _("prompt must be the tree's first message."),
    _("A message of the tree has no text, or no role of prompter or assistant."),
    _("%(field)s must end with a message of the assistant."),
    _("The last message of %(field)s has no text."),
    _("%(why)s has the key “%(key)s”, for which there is no place; a message has %(keys)s."),
    _("%(why)s has the key “%(key)s”, for which there is no place. To leave it out, ignore it by name."),
    _("The messages are no list; a prompt is a list of objects with a role and a content."),
    _("There are no messages; a prompt needs at least one user message."),
    _("The last message is from the %(role)s; a prompt must end with a user message."),
    _("Message %(number)s is not an object with a role and a content."),
    _("Message %(number)s has the role %(role)s; it must be system, user or assistant."),
    _("Message %(number)s is a system message; only the first message may be one."),
    _("Messages %(before)s and %(number)s are both from the %(role)s; turns must alternate."),
    _("Message %(number)s is from the assistant, but no user message comes before it."),
    _("Message %(number)s has no text."),
    _("Message %(number)s: %(why)s"),
    _("Message %(number)s"),
    _("The last message of %(field)s"),
    _("The %(field)s has no text."),
    _("The %(field)s: %(why)s"),
    _("Character %(number)s is %(code)s, which can't be stored. Remove it and try again."),
    _("Broken JSON: %(why)s."),
    _("The field “%(name)s” is there twice."),
    _("%(text)s is no number that JSON knows."),
    _("The JSON is nested too deeply to be read."),
    _("The JSON can't be read: %(why)s."),
    _("The line is JSON, but no object in { and }."),
    _("Something follows the JSON list; a file holds one list, or an object a line."),
    _("After line %(number)s come bytes that are no UTF-8 (%(words)s). Save the file as UTF-8."),
    _("The JSON list holds something that is no object in { and }."),
    _("The JSON list is never closed."),
    _("The object is longer than %(most)s characters."),
    _("The line is longer than %(most)s bytes."),
    _("The file has no header: its first line must name the columns."),
    _("Its lines end as on old Macs (CR). Save it with LF."),
    _("The column “%(name)s” is there twice."),
    _("It has %(count)s fields, but the header names %(columns)s columns."),
    _("Column %(number)s has a value and no name."),
    _(
        "Broken CSV: so many quotation marks of this file are open that reading stops here. Quote fields that hold"
        " quotation marks and double theirs, or save the file as TSV."
    ),
    _(
        "Broken CSV: the quotation mark that opens field %(column)s %(why)s (%(why_lines)s would be one record). A"
        " field with quotation marks or line ends stands in quotation marks, and its own are doubled. Reading goes"
        " on at line %(next)s."
    ),
    _(
        "Broken CSV: the quotation mark that opens field %(column)s %(why)s (%(why_lines)s would be one record). A"
        " field with quotation marks or line ends stands in quotation marks, and its own are doubled."
    ),
    _("is never closed"),
    _("is closed before the field's end, at character %(number)s of a line"),
    _("spans line %(number)s, which can't be read: %(why)s"),
    _("lines %(first)s to %(last)s"),
    _("line %(number)s"),
    _("lines %(first)s to %(last)s are one record"),
    _("The file is an Excel workbook or a ZIP archive; save the sheet as CSV (UTF-8), or unpack the archive."),
    _("The file is compressed with gzip; unpack it first."),
    _("The file looks like UTF-16. Save the file as UTF-8 and import it again."),
    _("The file is %(encoding)s. Save the file as UTF-8 and import it again."),
    _(
        "The byte %(byte)s is no UTF-8; the line may be Windows-1252 or cut off in the middle of a character. Save"
        " the file as UTF-8 and import it again."
    ),
    _("The byte %(byte)s is no UTF-8; the line reads as GBK (GB18030). Save the file as UTF-8 and import it again."),
    _("The byte %(byte)s is no UTF-8; the line may be Windows-1252. Save the file as UTF-8 and import it again."),
    _("%(name)s is no Parquet, and neither JSON nor CSV by its name; name it .jsonl, .json, .csv or .tsv."),
    _("A row group has more than %(most)s bytes; write smaller ones."),
    _("Broken Parquet, read up to row %(number)s: %(words)s"),
    _(
        "A whole dialogue stands in one message (turns such as “Human:” and “Assistant:”). Its turns belong into "
        "messages, each with its role."
    ),
    _("“%(text)s” seems to stand for nothing at all; leave the field empty instead."),
    _(
        "A text looks garbled (mojibake: UTF-8 that was once read as another encoding, such as “Ã©” for “é”). "
        "Export it again from where it came from."
    ),
    _(
        "The current model won't read message %(number)s, of the %(role)s: its chat template leaves the text out. "
        "Completions are sampled without it."
    ),
    _(
        "%(count)s of its answers are longer than the reward model reads, the first with %(tokens)s tokens where "
        "%(limit)s fit; training leaves them out."
    ),
    _(
        "The text holds “%(token)s”, which is a control token of language models. Here it is read as letters, but "
        "other programs may take it for the end of a turn. Take it out, unless the text is about it."
    ),
    _("How long the prompts are was not checked: %(why)s"),
    _(
        "%(name)s has %(size)s MB; at most %(most)s MB are taken here. Split it, or import it with manage.py "
        "import_prompts, which has no limit."
    ),
    _("Stopped by %(name)s."),
    _("Nothing was imported: the campaign changed since the file was checked. Look again."),
    _("The uploaded file %(name)s is no longer here. Upload it again."),
    _(
        "It can't be undone: %(count)s of the tasks that it brought are gold, and what labelers made of them is "
        "measured by it. Retire the gold items and set the prompts aside instead."
    ),
    _(
        "It can't be undone: %(ranked)s rankings and %(written)s demonstrations were made of what it brought, and "
        "%(held)s pieces of work are held now. Set the prompts aside instead."
    ),
)
"""Refusals, warnings and notes of a file; those that begin with anything come last of their kind."""


USE_CASES: dict[str, StrPromise] = {case.value: case.label for case in UseCase}


def in_readers_words(text: str) -> str:
    return told(text, (*SENTENCES, *NOTES))


def result_in_words(prompt_import: PromptImport) -> ImportResult | None:
    """What the last pass found, in the reader's language; its kinds are still named in English."""
    result = prompt_import.outcome()
    if result is not None:
        findings = (*result.refused.kinds.values(), *result.warnings.kinds.values(), result.spanning)
        for finding in findings:
            finding.examples = [replace(one, reason=in_readers_words(one.reason)) for one in finding.examples]
        result.notes = [in_readers_words(note) for note in result.notes]
        result.accepted = [
            replace(one, use_case=str(USE_CASES.get(one.use_case, one.use_case))) for one in result.accepted
        ]
    return result
