"""The way in, from the invitation to the first real task, in Chinese: nothing on its pages is in English."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from labeling.base.states import CampaignStage, LabelerState, ScreeningOutcome
from labeling.models import Assignment, Candidate, Labeler
from labeling.onboarding.screening.services import decide
from labeling.onboarding.stages.services import change_stage_settings
from labeling.quality.gold.services.measuring import measure_handed_in
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task, ranking_form_data
from tests.labeling.onboarding.screened import invited_by, make_stage

pytestmark = pytest.mark.django_db

PASSWORD = "seven wild geese 41"
# Names, keys, and what is the same in every language.
NAMES = {
    "concord", "english", "alice", "anna", "utc", "esc", "ctrl", "alt", "shift", "enter", "tab", "space", "markdown",
    "first", "second", "answer", "number", "blue", "why", "sky", "the",
}  # fmt: skip
SPOKEN = ("aria-label", "title", "placeholder")
UNSEEN = {"script", "style", "template", "option", "datalist"}


class Words(HTMLParser):
    """The words of a page that a person reads or hears; texts that labelers judge are marked translate="no"."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        hidden = tag in UNSEEN or said.get("translate") == "no" or said.get("lang") == "en"
        if tag not in {"input", "link", "meta", "img", "br", "hr", "path", "circle", "rect", "line", "polyline"}:
            self.open.append((tag, hidden))
        if not hidden:
            self.found += [said[name] or "" for name in SPOKEN if name in said]

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(hidden for _tag, hidden in self.open):
            self.found.append(data)


def english_in(response: Any) -> set[str]:
    assert response.status_code == 200
    words = Words()
    words.feed(response.text)
    found = re.findall(r"[A-Za-z]{3,}", " ".join(words.found))
    return {word for word in found if word.lower() not in NAMES}


def test_the_whole_way_in() -> None:
    chinese: dict[str, Any] = {"instructions": {"zh-hans": "# 说明\n\n认真读。"}, "read": False}
    screening = make_stage(CampaignStage.SCREENING, items=1, name="第一次", **chinese)
    practice = make_stage(CampaignStage.PRACTICE, items=1, name="练习", **chinese)
    change_stage_settings(campaign=practice, practice_items=1)
    make_ready_task(make_prompt(make_campaign(name="日常问题", demonstrations_per_prompt=0, **chinese)))
    olga = User.objects.create_superuser("olga")
    client = Client(headers={"accept-language": "zh-hans"})
    found: dict[str, set[str]] = {}

    def see(name: str, address: str) -> Any:
        response = client.get(address, follow=True)
        found[name] = english_in(response)
        return response

    def read(campaign: Any) -> None:
        page = see(f"instructions of {campaign.name}", reverse("instructions", args=[campaign.slug]))
        client.post(reverse("acknowledge", args=[page.context["page"].pk]), {"back": "/path/"})

    def rank() -> Any:
        shown = client.post("/next/ranking/", follow=True)
        found[f"work {len(found)}"] = english_in(shown)
        held = Assignment.objects.get(labeler__user__username="anna", state="open")
        # The researchers' order, whatever order is shown.
        places = {pk: place for place, pk in enumerate(sorted(held.shown_order), start=1)}
        sent = ranking_form_data([places[pk] for pk in held.shown_order])
        done = client.post(f"/work/{held.token}/submit/", sent)
        measure_handed_in()
        return done

    link = reverse("join", args=[invited_by(olga, campaigns=[screening])])
    see("join", link)
    sent = {"username": "anna", "password": PASSWORD, "languages": ["en", "zh"], "time_zone": "Asia/Shanghai"}
    assert client.post(link, sent).status_code == 302
    see("the way in", "/path/")
    see("about you", reverse("about_you"))
    client.post(reverse("about_you"), {"topics": ["religion"], "groups": "", "note": ""})
    read(screening)
    rank()
    see("a decision", "/path/")
    anna = Labeler.objects.get(user__username="anna")
    decide(candidate=Candidate.objects.get(labeler=anna), outcome=ScreeningOutcome.ADMITTED, text="", by=olga)
    read(practice)
    see("practice", "/path/")
    answer = rank()
    see("the right answer", answer["Location"])
    anna.refresh_from_db()
    assert anna.state == LabelerState.ACTIVE
    read(make_campaign(name="再一个", **chinese))
    see("at work", "/")
    see("all done", "/path/")
    assert {name: words for name, words in found.items() if words} == {}
    assert len(found) >= 12
