"""The next ranking task of a labeler: found, locked, taken and leased in one call of a function of PostgreSQL.

Everybody waits for it between one ranking and the next. Planning the search takes longer than the search; a function's
plans are kept by each connection. It is in migration 0003, for a function belongs to the tables that it reads.
"""

import random

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
SELECT {TAKEN.sql} FROM concord_take_next_task(%s, %s, %s) AS claimed
JOIN labeling_prompt AS prompt ON prompt.id = claimed.prompt_id
JOIN labeling_campaign AS campaign ON campaign.id = claimed.campaign_id
"""  # noqa: S608  (put together from constants)


def claim_next_task(labeler: Labeler) -> Assignment | None:
    """A lease on the oldest task that the labeler could rank; None when there is none, when they hold one already, or
    when they are not active.

    Of its prompt and campaign it brings what the page shows; Django looks the rest up when it is asked for.
    """
    found = TAKEN.first(TAKE, [labeler.pk, str(random.getrandbits(64)), timezone.now()])
    if found is None:
        return None
    assignment: Assignment
    assignment, assignment.prompt, assignment.campaign = found
    assignment.prompt.campaign = assignment.campaign
    assignment.labeler = labeler
    return assignment
