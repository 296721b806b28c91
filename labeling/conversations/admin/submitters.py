"""On the page of a submitter: all prompts of theirs are withdrawn, as whoever wrote them may ask."""

from collections.abc import Iterable
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.model_admins import BaseAdmin, button
from labeling.campaigns.models.prompts import Submitter
from labeling.conversations.queries import not_withdrawn
from labeling.conversations.services.withdrawing import withdraw_submitter


class SubmitterWithdrawal(BaseAdmin):
    def buttons_for(self, row: Submitter) -> Iterable[str]:
        others = [name for name in super().buttons_for(row) if name != "withdraw_prompts"]
        return [*others, "withdraw_prompts"] if not_withdrawn(row).exists() else others

    @button(lazy("Withdraw their prompts"), icon="delete")
    def withdraw_prompts(self, request: HttpRequest, object_id: str) -> HttpResponse:
        submitter = self.find(request, object_id)
        count = not_withdrawn(submitter).count()

        def act(_cleaned: dict[str, Any]) -> str:
            done = withdraw_submitter(submitter=submitter, by=cast("User", request.user))
            return _("%(deleted)d prompts are deleted, %(left)d are left out. Models that saw them: %(models)s.") % {
                "deleted": done.prompts_deleted,
                "left": len(done.prompts_left_out),
                "models": ", ".join(done.models_that_saw) or _("none"),
            }

        confirmation = Confirmation(
            title=_("Withdraw the prompts of “%(submitter)s”?") % {"submitter": submitter},
            consequences=[
                ngettext("It is %(count)d prompt, in every campaign.", "They are %(count)d prompts, in every campaign.",
                         count) % {"count": count},
                _("Prompts that nobody worked on are deleted, with the conversation that they were made of. The others "
                  "are handed out no more and are in no later snapshot, nor are their labels."),
                _("Snapshots and models that are there stay as they are; the withdrawal names them."),
            ],
            button=_("Withdraw"),
            back=reverse("admin:labeling_submitter_changelist"),
            about=[submitter],
            danger=True,
        )  # fmt: skip
        return confirm(self, request, confirmation, act)
