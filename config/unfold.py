"""The admin's theme (django-unfold): its name, its colours and the way through the work in its sidebar."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import get_script_prefix, reverse_lazy
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise


def _may_view(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def _entry(
    title: StrPromise,
    icon: str,
    model: str,
    *,
    app: str = "labeling",
    page: str = "changelist",
    query: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_{page}", query=query),
        "permission": _may_view(f"{app}.view_{model}"),
    }


NAVIGATION: list[dict[str, Any]] = [
    {
        "items": [
            {"title": _("Overview"), "icon": "monitoring", "link": reverse_lazy("admin:index")},
            _entry(_("Alerts"), "notifications", "incident"),
            _entry(_("Silences"), "notifications_off", "silence"),
        ]
    },
    {
        "title": _("What is asked"),
        "items": [
            _entry(_("Campaigns"), "campaign", "campaign"),
            _entry(_("Prompts"), "chat", "prompt"),
            _entry(_("Submitters"), "outbox", "submitter"),
            _entry(_("Imports"), "upload_file", "promptimport"),
            _entry(_("Existing comparisons"), "compare_arrows", "importedranking"),
            _entry(_("Kept conversations"), "chat_bubble", "servedconversation"),
            _entry(_("Harvest rules"), "agriculture", "harvestrule"),
            _entry(_("Withdrawals"), "undo", "withdrawal"),
        ],
    },
    {
        "title": _("Who works on it"),
        "items": [
            _entry(_("Invitations"), "mail", "invitation"),
            _entry(_("Candidates"), "how_to_reg", "candidate"),
            {
                "title": _("Grade demonstrations"),
                "icon": "grade",
                "link": reverse_lazy("grading"),
                "permission": _may_view("labeling.review_work"),
            },
            _entry(_("Labelers"), "groups", "labeler"),
            _entry(_("Skills and topics"), "school", "skill"),
            _entry(_("Ranking tasks"), "checklist", "rankingtask"),
            _entry(_("Who holds what"), "pan_tool", "assignment", query={"state__exact": "open"}),
            _entry(_("Pay periods"), "payments", "payperiod"),
            _entry(_("Ledger"), "receipt_long", "payentry"),
            _entry(_("Surveys"), "sentiment_satisfied", "survey"),
        ],
    },
    {
        "title": _("What people said"),
        "items": [
            _entry(_("Demonstrations"), "edit_note", "demonstration"),
            _entry(_("Rankings"), "format_list_numbered", "ranking"),
            _entry(_("Revisions"), "history_edu", "revision"),
            _entry(_("Conversations"), "forum", "conversation"),
            _entry(_("Own writing"), "draw", "composition"),
            _entry(_("Suggestions"), "lightbulb", "suggestionrequest"),
            _entry(_("Agreement"), "handshake", "rankingagreement", page="figures"),
            _entry(_("Labelers’ habits"), "balance", "labelerhabits", page="figures"),
            _entry(_("Sentinels"), "flag", "sentinel"),
            _entry(_("Near copies"), "file_copy", "nearcopyfound"),
            _entry(_("Doubtful labels"), "rule", "preferencemargin"),
            _entry(_("Gold items"), "workspace_premium", "golditem"),
            _entry(_("Checks"), "fact_check", "check"),
        ],
    },
    {
        "title": _("What reviewers say"),
        "items": [
            {
                "title": _("Review work"),
                "icon": "rate_review",
                "link": reverse_lazy("review_queue"),
                "permission": _may_view("labeling.review_work"),
            },
            _entry(_("Reviews"), "fact_check", "review"),
            _entry(_("Adjudications"), "gavel", "adjudication"),
            _entry(_("Messages"), "mail", "thread"),
            _entry(_("Broken tasks"), "report", "brokentaskreport", query={"state__exact": "open"}),
        ],
    },
    {
        "title": _("Training"),
        "items": [
            _entry(_("Reward models"), "psychology", "rewardmodel"),
            _entry(_("Exclusions"), "block", "exclusion"),
            _entry(_("Snapshots"), "inventory_2", "snapshot"),
            _entry(_("Training runs"), "model_training", "trainingrun"),
            _entry(_("Policy runs"), "route", "policyrun"),
            _entry(_("Policy recipes"), "tune", "policyrecipe"),
            _entry(_("Model versions"), "deployed_code", "modelversion"),
            _entry(_("Comparisons"), "compare_arrows", "modelcomparison"),
            _entry(_("Evaluations"), "balance", "evaluation"),
            _entry(_("The loop"), "cycle", "loop"),
            _entry(_("Scoring requests"), "speed", "scoringrequest"),
        ],
    },
    {
        "title": _("Accounts"),
        "items": [
            _entry(_("Users"), "person", "user", app="auth"),
            _entry(_("Groups"), "badge", "group", app="auth"),
            _entry(_("API tokens"), "key", "apitoken"),
            _entry(_("Usage by programs"), "data_usage", "chatusage"),
            _entry(_("Webhooks"), "webhook", "webhook"),
            _entry(_("Sessions"), "devices", "accountsession"),
            _entry(_("Failed log-ins"), "lock_clock", "failedlogin"),
            _entry(_("Who changed what"), "manage_history", "change"),
        ],
    },
]


@cache
def _addresses(_prefix: str) -> list[list[str]]:
    """Of the entries of each group. They are the same for everybody, and 60 of them take a while to look up."""
    return [[str(entry["link"]) for entry in group["items"]] for group in NAVIGATION]


def navigation(_request: HttpRequest) -> list[dict[str, Any]]:
    groups = zip(NAVIGATION, _addresses(get_script_prefix()), strict=True)
    return [
        group | {"items": [entry | {"link": link} for entry, link in zip(group["items"], links, strict=True)]}
        for group, links in groups
    ]


UNFOLD = {
    "SITE_TITLE": "Concord",
    "SITE_HEADER": "Concord",
    "SITE_SYMBOL": "balance",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("base/favicon.svg")}],
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda _request: static("base/admin/admin.css")],
    "DASHBOARD_CALLBACK": "labeling.console.admin.dashboard.dashboard",
    "ACCOUNT": {
        "navigation": [
            {"title": _("Two-factor log-in"), "link": reverse_lazy("two_factor")},
            {"title": _("Where you are logged in"), "link": reverse_lazy("sessions")},
        ]
    },
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": navigation},
    "BORDER_RADIUS": "6px",
    # A teal; unfold's own purple would compete with the states' colours.
    "COLORS": {
        "primary": {
            "50": "oklch(98% .014 190)",
            "100": "oklch(95% .035 190)",
            "200": "oklch(90.5% .065 190)",
            "300": "oklch(84% .09 190)",
            "400": "oklch(74% .105 190)",
            "500": "oklch(64% .1 192)",
            "600": "oklch(52% .088 194)",
            "700": "oklch(45% .075 195)",
            "800": "oklch(38.5% .06 196)",
            "900": "oklch(33% .05 197)",
            "950": "oklch(24% .04 198)",
        },
    },
}
