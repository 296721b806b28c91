"""The languages that people and prompts may have, by code and by name, and which of them a text is in.

Texts that admins wrote in several interface languages.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from django.utils.translation import get_language_info, gettext_noop
from django.utils.translation import gettext as _
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from labeling.base.refusals import UnknownLanguage

# Codes that Django has names for, and by which texts are told apart (detect_language).
NAMED_BY_DJANGO = (
    "af", "ar", "az", "be", "bg", "bn", "br", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "eo", "es", "et", "eu",
    "fa", "fi", "fr", "fy", "ga", "gd", "gl", "he", "hi", "hr", "hu", "hy", "id", "ig", "is", "it", "ja", "ka", "kab",
    "kk", "km", "kn", "ko", "ky", "lb", "lt", "lv", "mk", "ml", "mn", "mr", "ms", "my", "ne", "nl", "nn", "pa",
    "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "te", "tg", "th", "tk", "tr", "tt", "ug", "uk",
    "ur", "uz", "vi",
)  # fmt: skip
# Others that many people speak: what their speakers call them, and the English name, which is translated.
NAMED_HERE = {
    "am": ("አማርኛ", gettext_noop("Amharic")),
    "gu": ("ગુજરાતી", gettext_noop("Gujarati")),
    "ha": ("Hausa", gettext_noop("Hausa")),
    "jv": ("Basa Jawa", gettext_noop("Javanese")),
    "la": ("Latina", gettext_noop("Latin")),
    "lo": ("ລາວ", gettext_noop("Lao")),
    "mg": ("Malagasy", gettext_noop("Malagasy")),
    "mt": ("Malti", gettext_noop("Maltese")),
    "no": ("norsk", gettext_noop("Norwegian")),
    "ps": ("پښتو", gettext_noop("Pashto")),
    "si": ("සිංහල", gettext_noop("Sinhala")),
    "so": ("Soomaali", gettext_noop("Somali")),
    "tl": ("Tagalog", gettext_noop("Tagalog")),
    "xh": ("isiXhosa", gettext_noop("Xhosa")),
    "yo": ("Yorùbá", gettext_noop("Yoruba")),
    "yue": ("粵語", gettext_noop("Cantonese")),
    "zh": ("中文", gettext_noop("Chinese")),
    "zu": ("isiZulu", gettext_noop("Zulu")),
}
LANGUAGES = tuple(sorted([*NAMED_BY_DJANGO, *NAMED_HERE]))
# Other codes for one of them, as files have them.
OTHER_CODES = {"nb": "no", "iw": "he", "in": "id", "fil": "tl", "cmn": "zh", "wuu": "zh"}


def code_of(tag: str) -> str | None:
    """The code in LANGUAGES for a tag such as EN, pt-BR or zh_Hans: the language counts, not script and region. None
    for a language that is not there."""
    base = tag.strip().replace("_", "-").partition("-")[0].lower()
    base = OTHER_CODES.get(base, base)
    return base if base in LANGUAGES else None


def checked_languages(tags: Iterable[str]) -> list[str]:
    """The codes, each once. Raises UnknownLanguage."""
    found: dict[str, None] = {}
    for tag in tags:
        code = code_of(tag)
        if code is None:
            raise UnknownLanguage(f"“{tag}” is no language. The codes are {', '.join(LANGUAGES)}.")
        found[code] = None
    return list(found)


def name_of(code: str) -> str:
    """What the language is called in the interface's; the code itself where it is in no list."""
    if code in NAMED_HERE:
        return _(NAMED_HERE[code][1])
    try:
        return str(get_language_info(code)["name_translated"]).strip()
    except KeyError:
        return code


def own_name_of(code: str) -> str:
    """What its speakers call it."""
    if code in NAMED_HERE:
        return NAMED_HERE[code][0]
    try:
        return str(get_language_info(code)["name_local"])
    except KeyError:
        return code


def names_of(codes: Iterable[str]) -> str:
    """The names in a row, such as: English, French."""
    return ", ".join(name_of(code) for code in codes)


def named_languages() -> list[tuple[str, str]]:
    """(code, name with the code behind it) of every language, by name."""
    return sorted(((code, f"{name_of(code)} ({code})") for code in LANGUAGES), key=lambda each: each[1].casefold())


SURE = 0.4
"""A language is believed from this probability on; short texts such as “hello” have 0.1 for each of ten."""
LONGEST_READ = 2_000
"""Characters that are read to tell the language; more say nothing new."""


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    """langid.py's model (Lui and Baldwin 2012), which comes with the package; loading it takes a second."""
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    # Written Cantonese is told from other Chinese by single characters alone: it is only had by saying so.
    identifier.set_languages([code for code in LANGUAGES if code in identifier.labels and code != "yue"])
    return identifier


def detect_language(text: str, *, expected: Sequence[str] = ()) -> str | None:
    """The code in LANGUAGES of the language of a text.

    Where a text is too short to tell, the likeliest of `expected`, which are those of its campaign. None where there
    are none, and for a text without a letter.
    """
    if not any(unicodedata.category(letter)[0] == "L" for letter in text[:LONGEST_READ]):
        return None
    likely = dict(_identifier().rank(text[:LONGEST_READ]))
    best = max(likely, key=lambda code: likely[code])
    if likely[best] >= SURE:
        return str(best)
    return max(expected, key=lambda code: likely.get(code, 0.0), default=None)


DEFAULT_LANGUAGE = "en"


def in_language(texts: Mapping[str, str], language: str) -> str:
    """The text in `language`, or the nearest there is: its base language, English, then any; empty without texts.

    >>> in_language({"en": "Tie", "zh-hans": "并列"}, "zh-hans")
    '并列'
    """
    for code in (language, language.partition("-")[0], DEFAULT_LANGUAGE):
        if texts.get(code):
            return texts[code]
    return next((text for text in texts.values() if text), "")
