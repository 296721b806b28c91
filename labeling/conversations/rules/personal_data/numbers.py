"""What is told by its digits: phone numbers by each country's plan, and numbers with a checksum."""

import re
from collections.abc import Iterator

from phonenumbers import Leniency, PhoneNumberMatcher
from stdnum import iban, luhn
from stdnum.cn import ric
from stdnum.exceptions import ValidationError
from stdnum.us import ssn

from labeling.conversations.rules.personal_data.kinds import Finding, PersonalData

REGIONS = ("US", "CN")
"""By whose plans a phone number without a country code is read; one with a code is read by its own."""
# With blanks or hyphens between the groups. Cards have 13 to 19 digits and begin with 2 to 6 (ISO/IEC 7812).
CARD = re.compile(r"(?<![\w.])[2-6](?:[ -]?\d){12,18}(?![\w])", re.ASCII)
CHINESE_ID = re.compile(r"(?<![0-9A-Za-z])[1-9]\d{16}[0-9Xx](?![0-9A-Za-z])", re.ASCII)
AMERICAN_ID = re.compile(r"(?<![\d-])\d{3}([- ])\d{2}\1\d{4}(?![\d-])", re.ASCII)
AMERICAN_ID_NAMED = re.compile(
    r"(?:\bSSN\b|social security(?: number| no\.?)?|社会安全号码?|社安号)\D{0,12}(?P<number>\d{9})(?!\d)",
    re.IGNORECASE | re.ASCII,
)
BANK_ACCOUNT = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}", re.ASCII)
SHORTEST_BANK_ACCOUNT = 15


def national_ids(text: str) -> Iterator[Finding]:
    """Resident identity numbers of China (GB 11643: birthday and checksum) and social security numbers of the US."""
    for match in CHINESE_ID.finditer(text):
        if _is_chinese_id(match.group().upper()):
            yield Finding(PersonalData.NATIONAL_ID, *match.span())
    for match in AMERICAN_ID.finditer(text):
        if ssn.is_valid(match.group().replace(" ", "-")):
            yield Finding(PersonalData.NATIONAL_ID, *match.span())
    for match in AMERICAN_ID_NAMED.finditer(text):
        if ssn.is_valid(match["number"]):
            yield Finding(PersonalData.NATIONAL_ID, *match.span("number"))


def cards(text: str) -> Iterator[Finding]:
    for match in CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if luhn.is_valid(digits) and len(set(digits)) > 1:
            yield Finding(PersonalData.CARD, *match.span())


def bank_accounts(text: str) -> Iterator[Finding]:
    """IBANs. What follows one may look like more of it, so the longest beginning whose checksum is right is taken."""
    for match in BANK_ACCOUNT.finditer(text):
        if end := _end_of_iban(match.group()):
            yield Finding(PersonalData.BANK_ACCOUNT, match.start(), match.start() + end)


def phones(text: str) -> Iterator[Finding]:
    for region in REGIONS:
        for match in PhoneNumberMatcher(text, region, leniency=Leniency.VALID):
            yield Finding(PersonalData.PHONE, match.start, match.end)


def _is_chinese_id(number: str) -> bool:
    """By birthday and checksum. `ric.is_valid` looks up the district too, and lacks many: 330106 (Hangzhou)."""
    try:
        return bool(ric.calc_check_digit(number) == number[-1] and ric.get_birth_date(number))
    except ValidationError:
        return False


def _end_of_iban(candidate: str) -> int:
    """0 where no beginning of it is an IBAN."""
    for end in range(len(candidate), SHORTEST_BANK_ACCOUNT - 1, -1):
        whole = end == len(candidate) or not candidate[end].isalnum()
        if whole and iban.is_valid(candidate[:end]):
            return end
    return 0
