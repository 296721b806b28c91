from dataclasses import dataclass
from enum import StrEnum


class PersonalData(StrEnum):
    """What is looked for. The values stand in masked texts."""

    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    BANK_ACCOUNT = "bank account"
    NATIONAL_ID = "national id"
    IP_ADDRESS = "ip address"
    KEY = "key"


@dataclass(frozen=True)
class Finding:
    """One piece: text[start:end]."""

    kind: PersonalData
    start: int
    end: int
