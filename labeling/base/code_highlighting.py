"""Code in the languages that assistants are asked for, as spans whose classes say what each word is. Pure."""

from html import escape

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

LANGUAGES = frozenset(
    {"bash", "c", "c++", "cpp", "c#", "cs", "csharp", "css", "diff", "go", "golang", "html", "java", "javascript", "js"}
    | {"json", "kotlin", "php", "py", "python", "python3", "r", "rb", "ruby", "rs", "rust", "sh", "shell", "sql"}
    | {"swift", "toml", "ts", "typescript", "xml", "yaml", "yml"}
)
LONGEST = 20_000
"""Characters; more than anybody reads by colour, and lexers are regular expressions that a page waits for."""

CODE_CLASSES = frozenset(filter(None, STANDARD_TYPES.values()))

_lexers: dict[str, Lexer] = {}


def coloured(code: str, language: str, _attributes: str) -> str:
    """Safe HTML of a fenced block; plain for languages that are not listed. Never guesses."""
    name = language.lower()
    if name not in LANGUAGES or len(code) > LONGEST:
        return escape(code)
    if name not in _lexers:
        _lexers[name] = get_lexer_by_name(name, stripnl=False, ensurenl=False)
    return "".join(_span(STANDARD_TYPES.get(kind, ""), text) for kind, text in _lexers[name].get_tokens(code))


def _span(name: str, text: str) -> str:
    return f'<span class="{name}">{escape(text)}</span>' if name and text.strip() else escape(text)
