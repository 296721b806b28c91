"""The words that scripts show, in the reader's language.

    {% load script_words %}{% get_script_words "ranking" as words %}{{ words|json_script:"ranking-words" }}

A script reads them by `wordsOf("ranking")` (static/base/words.js) and fills in what stands in {braces}.
"""

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

register = template.Library()

WORDS: dict[str, dict[str, str | Promise]] = {
    "ranking": {
        "open": _("not ranked"),
        "unranked": _("not ranked yet"),
        "ranked": _("Rank {rank}"),
        "tied": _("Rank {rank}, tied with {letters}"),
        "tiedShort": _("Rank {rank} = {letters}"),
        "rated": _("{rated} of {k} rated"),
        "progress": _("{ranked} of {k} ranked"),
        "moved": _("{letter} moved: {standing}"),
        "stays": _("{letter} stays: {standing}"),
        "ratedOne": _("{letter} rated {quality}"),
        "allRated": _("All are rated. The ranking follows your ratings; refine it, or submit it."),
        "followed": _("The ranking follows your ratings."),
        "notAllRated": _("Rate every completion first."),
        "undone": _("Undone"),
        "nothingToUndo": _("There is nothing to undo."),
        "activeSide": _("Keys act on {letter}."),
        "sameText": _("Their texts are the same, word for word."),
        "sameWords": _("Their words are the same; only spaces or signs that are not shown here differ (raw text: R)."),
        "littleInCommon": _("These two have little in common."),
        "raw": _("Raw text"),
        "rendered": _("Rendered text"),
        "flagged": _("{flag} set on {letter}"),
        "unflagged": _("{flag} removed from {letter}"),
        "contradiction": _("{above} is ranked above {below}, but rated lower ({rating} < {higher})."),
        "noneButGood": _("None is acceptable, you say, yet {letter} is rated {rating}."),
        "allTied": _("All are tied: this says of none that it is better."),
        "equalRated": _("{above} is ranked above {below} with the same rating."),
        "tiedUnequal": _("{one} and {other} are tied with unequal ratings."),
        "moreContradictions": _("And {count} more."),
        "duel": _("Question {number} of at most {most}"),
        "question": _("{left} or {right}: which is better?"),
        "duelDone": _("The duels are done. Here is the ranking that they make; refine it, or submit it."),
    },
    "save-state": {
        "idle": _("Saves automatically"),
        "saving": _("Saving…"),
        "submitting": _("Submitting…"),
        "saved": _("Saved on the server {time}"),
        "lapsed": _("Your time with this task ran out and somebody else took it: it may not be taken."),
        "closing": _("The campaign was closed: submit this by {until}."),
        "campaign_closed": _("The campaign was closed and takes no more work; your text is kept."),
        "not_active": _("Your account is not active, so nothing can be submitted now."),
        "set_aside": _("This was set aside and takes no more work; your text is kept."),
        "offline": _("No connection: kept in this browser."),
        "full": _("The server has no room left. Kept in this browser, and tried again."),
        "paused": _("Your account is paused, and enough was saved for this hour. Kept in this browser."),
        "choose": _("Kept in this browser until you choose which text to continue with."),
        "nowhere": _("Not saved: no connection, and this browser keeps nothing. Leave this page open."),
        "notnow": _("It can’t be submitted without a connection. Kept in this browser."),
        "loggedout": _("You are logged out. Kept in this browser."),
        "before": _("On the server: as of {time}."),
        "refused": _("Not saved:"),
        "closed": _("This task is no longer open."),
    },
    "editor": {
        "words": _("Words: {words} · characters: {characters}"),
        "characters": _("Characters: {characters}"),
        "tokens": _("tokens: {tokens}"),
        "over": _("{over} characters too many. Nothing was cut, and it is kept; shorten it before you submit."),
        "previewEmpty": _("What you write shows here as it will be read."),
        "previewFailed": _("The preview can’t be made right now. Your text is safe; continue writing."),
    },
    "dialogue": {
        "added": _("Turn {n} was added."),
        "removed": _("Turn {n} was removed."),
        "used": _("The suggestion is in the turn; change it as you like."),
        "writtenOver": _("The suggestion took the place of what you had written in turn {n}."),
        "unreachable": _("The server can’t be reached. Just continue; your text is kept."),
    },
    "playground": {
        "you": _("You"),
        "edit": _("Edit"),
        "again": _("Answer again"),
        "raw": _("Raw text"),
        "writing": _("The model is writing …"),
        "answered": _("The model has answered."),
        "stopped": _("You stopped it here."),
        "length": _("It was cut here: an answer may not be longer."),
        "broken": _("It broke off here."),
        "answerFirst": _("Answer first whether this may be kept. Yes and no both let you go on."),
        "unanswered": _("Your last turn has no answer yet. Have it answered, or edit it."),
        "full": _("This conversation has as many turns as one may have. Begin a new one."),
        "unreachable": _("The server can’t be reached. What you wrote is kept in this browser; try again."),
        "loggedOut": _("You are logged out. What you wrote is kept in this browser; log in again."),
        "keepsNothing": _("This browser keeps nothing: the conversation is gone when you leave the page."),
    },
    "own-prompt": {
        "added": _("Pair {n} was added."),
        "removed": _("Pair {n} was removed."),
    },
}


@register.simple_tag
def get_script_words(name: str) -> dict[str, str | Promise]:
    """Returns the words of one kind of page."""
    return WORDS[name]
