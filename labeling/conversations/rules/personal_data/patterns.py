"""What is told by how it is written: e-mail and IP addresses, keys and passwords."""

import re
from collections.abc import Iterator
from ipaddress import ip_address

from labeling.conversations.rules.personal_data.kinds import Finding, PersonalData

# Letters and digits of ASCII alone: a Chinese character may stand right before and after.
EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9_%+-](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_%+-])?"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9@])"
)
IP_V4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)", re.ASCII)
IP_V6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{6,39}(?![\w:])", re.ASCII)
VERSION_BEFORE = re.compile(r"(?:version|release|\bv|\bver\.?|版本号?|版)\s*[:：]?\s*$", re.IGNORECASE)

# The beginnings by which those who give out keys let scanners know theirs.
KEY_FORMS = re.compile(
    r"""(?<![A-Za-z0-9_-])(?:
      sk-(?:proj-|ant-|or-)?[A-Za-z0-9_-]{20,200}         # OpenAI, Anthropic
    | (?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,200}      # Stripe
    | gh[pousr]_[A-Za-z0-9]{30,255} | github_pat_[A-Za-z0-9_]{30,255}
    | glpat-[A-Za-z0-9_-]{20,64}
    | (?:AKIA|ASIA)[A-Z0-9]{16}                           # AWS
    | AIza[A-Za-z0-9_-]{35}                               # Google
    | xox[abeoprs]-[A-Za-z0-9-]{10,200}                   # Slack
    | hf_[A-Za-z0-9]{30,64}                               # Hugging Face
    | npm_[A-Za-z0-9]{36} | pypi-[A-Za-z0-9_-]{50,255}
    | LTAI[A-Za-z0-9]{12,24} | AKID[A-Za-z0-9]{32}        # Alibaba, Tencent
    | concord_[A-Za-z0-9_-]{40,60}
    | eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}   # JSON web tokens
    )(?![A-Za-z0-9_])""",
    re.VERBOSE,
)
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{20,8000}?-----END [A-Z ]{0,30}PRIVATE KEY-----"
)
# A value that its own name calls a secret. It needs a digit and a letter, so that prose about passwords stays.
NAMED_SECRET = re.compile(
    r"(?:api[_ -]?key|access[_ -]?key|secret(?:[_ -]?key)?|auth[_ -]?token|access[_ -]?token|password|passwd|bearer"
    r"|密码|密钥|口令|令牌)[\"']?(?:\s*[:=]\s*|\s*(?:是|为)\s*[:：]?\s*|\s+is\s+|\s+)[\"']?"
    r"(?P<value>(?=[^\s\"'<>,;，。；]*[0-9])(?=[^\s\"'<>,;，。；]*[A-Za-z])[\x21-\x7e]{8,200}?)(?=[\s\"'<>,;，。；]|[^\x00-\x7f]|$)",
    re.IGNORECASE,
)


def emails(text: str) -> Iterator[Finding]:
    for match in EMAIL.finditer(text):
        yield Finding(PersonalData.EMAIL, *match.span())


def keys(text: str) -> Iterator[Finding]:
    for pattern in (PRIVATE_KEY, KEY_FORMS):
        for match in pattern.finditer(text):
            yield Finding(PersonalData.KEY, *match.span())
    for match in NAMED_SECRET.finditer(text):
        yield Finding(PersonalData.KEY, *match.span("value"))


def ip_addresses(text: str) -> Iterator[Finding]:
    """All but those that are everybody's (127.0.0.1, 0.0.0.0, ::1), and numbers that a version has."""
    for pattern in (IP_V4, IP_V6):
        for match in pattern.finditer(text):
            if _is_somebodys(match.group()) and not VERSION_BEFORE.search(text[: match.start()][-20:]):
                yield Finding(PersonalData.IP_ADDRESS, *match.span())


def _is_somebodys(candidate: str) -> bool:
    try:
        address = ip_address(candidate)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast)
