"""The next piece of work of a labeler: found, locked, taken and leased in one call of a function of PostgreSQL.

Labelers wait for it between one ranking and the next. Planning the search takes longer than the search; a function's
plans are kept by each connection. They are in migration 0003, for functions belong to the tables that they read.
"""

import random
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from labeling.base.row_mapper import Rows, columns
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.models import Assignment
from labeling.people.models import Labeler

TAKEN = Rows(
    claimed=columns(Assignment),
    prompt=columns(Prompt, "id", "campaign_id", "messages", "language", "content_warnings"),
    campaign=columns(Campaign, "id", "slug", "name", "state", "ask_strength", "ask_edit", "lease_minutes"),
)
TAKE = f"""
SELECT {TAKEN.sql} FROM {{claim}} AS claimed
JOIN labeling_prompt AS prompt ON prompt.id = claimed.prompt_id
JOIN labeling_campaign AS campaign ON campaign.id = claimed.campaign_id
"""  # noqa: S608  (put together from constants)
TAKE_TASK = TAKE.format(claim="concord_take_next_task(%s, %s, %s)")
TAKE_PROMPT = TAKE.format(claim="concord_take_next_prompt(%s, %s)")


def claim_next_task(labeler: Labeler) -> Assignment | None:
    """A lease on the next task that the labeler may rank; None when there is none, when they hold one already, or
    when they are not active.

    Of its prompt and campaign it brings what the page shows; Django looks the rest up when it is asked for.
    """
    return _claim(labeler, TAKE_TASK, [labeler.pk, str(random.getrandbits(64)), timezone.now()])


def claim_next_prompt(labeler: Labeler) -> Assignment | None:
    """The same for the next prompt that the labeler may write a demonstration for."""
    return _claim(labeler, TAKE_PROMPT, [labeler.pk, timezone.now()])


def _claim(labeler: Labeler, statement: str, values: Sequence[Any]) -> Assignment | None:
    found = TAKEN.first(statement, values)
    if found is None:
        return None
    assignment: Assignment
    assignment, assignment.prompt, assignment.campaign = found
    assignment.prompt.campaign = assignment.campaign
    assignment.labeler = labeler
    return assignment
