"""What each role may do, as Django's permissions by object. Pure. docs/roles.md shows it by address and verb.

A new object gets a line in MAY; an object without one is the admins' alone, who may do everything.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """The roles of staff. The values are the names of Django groups. Who labels has a labeler's profile instead."""

    REVIEWER = "Reviewer"
    CAMPAIGN_MANAGER = "Campaign manager"
    ML_ENGINEER = "ML engineer"
    ADMIN = "Admin"


class May(NamedTuple):
    """The verbs (view, add, change, delete) of one object by role, with spaces between. A campaign manager's reach
    no further than the campaigns that they manage.
    """

    reviewer: str = ""
    manager: str = ""
    engineer: str = ""


READ = May(reviewer="view", manager="view", engineer="view")
WORK = May(manager="view change", engineer="view")
"""What labelers make: its buttons set aside, give back, leave out of training."""
TRAINING = May(manager="view", engineer="view add change")

MAY: Mapping[str, May] = {
    # what is asked
    "labeling.campaign": May(reviewer="view", manager="view add change", engineer="view"),
    "labeling.instructionversion": READ,
    "labeling.rubricversion": READ,
    "labeling.prompt": May(reviewer="view", manager="view add change", engineer="view add"),
    "labeling.submitter": READ,
    "labeling.promptimport": May(manager="view", engineer="view"),
    "labeling.importedranking": May(manager="view", engineer="view"),
    # who works on it
    "labeling.labeler": May(manager="view", engineer="view"),
    "labeling.invitation": May(manager="view change"),
    "labeling.skill": May(reviewer="view", manager="view add change", engineer="view"),
    "labeling.survey": May(manager="view", engineer="view"),
    "labeling.rankingtask": WORK,
    "labeling.assignment": WORK,
    # what people said
    "labeling.demonstration": WORK,
    "labeling.ranking": WORK,
    "labeling.revision": WORK,
    "labeling.conversation": WORK,
    "labeling.composition": WORK,
    "labeling.ownprompt": May(manager="view", engineer="view"),
    "labeling.suggestionrequest": WORK,
    "labeling.rankingagreement": READ,
    "labeling.labelerhabits": May(reviewer="view", manager="view"),
    "labeling.nearcopyfound": May(reviewer="view", manager="view"),
    "labeling.sentinel": May(reviewer="view", manager="view add change", engineer="view"),
    "labeling.preferencemargin": May(manager="view change", engineer="view change"),
    # how well labelers work
    "labeling.golditem": May(reviewer="view", manager="view change", engineer="view"),
    "labeling.check": READ,
    # what reviewers say, and what labelers write to those who run the work
    "labeling.review": READ,
    "labeling.adjudication": READ,
    "labeling.thread": May(reviewer="view", manager="view change"),
    "labeling.brokentaskreport": May(reviewer="view", manager="view change"),
    # training
    "labeling.exclusion": May(manager="view change", engineer="view change"),
    "labeling.rewardmodel": TRAINING,
    "labeling.modelversion": TRAINING,
    "labeling.trainingrecipe": May(manager="view", engineer="view"),
    "labeling.trainingrun": TRAINING,
    "labeling.policyrecipe": TRAINING,
    "labeling.policyrun": TRAINING,
    "labeling.modelcomparison": TRAINING,
    "labeling.evaluation": TRAINING,
    "labeling.loop": TRAINING,
    "labeling.snapshot": May(engineer="view add change"),
    "labeling.scoringrequest": May(engineer="view add"),
    "labeling.incident": May(engineer="view"),
    "labeling.silence": May(engineer="view add change"),
    # doors for programs: one's own tokens alone
    "labeling.apitoken": May(manager="view add change", engineer="view add change"),
    "labeling.chatusage": May(manager="view", engineer="view add"),
    "labeling.webhook": May(engineer="view add change delete"),
    "labeling.webhookdelivery": May(engineer="view change"),
}


ALSO: Mapping[Role, frozenset[str]] = {Role.REVIEWER: frozenset({"labeling.review_work"})}
"""Permissions that are no verb of one object: the pages on which reviewers decide (labeling/review/views/)."""


def permissions_of(role: Role) -> frozenset[str]:
    """The permissions of the role's group, such as labeling.view_prompt. Not of Role.ADMIN, which has all there are."""
    place = {Role.REVIEWER: 0, Role.CAMPAIGN_MANAGER: 1, Role.ML_ENGINEER: 2}[role]
    found = set()
    for model, may in MAY.items():
        app, _dot, name = model.partition(".")
        found |= {f"{app}.{verb}_{name}" for verb in may[place].split()}
    return frozenset(found) | ALSO.get(role, frozenset())
