"""Working time: one definition, written down every minute and on leaving, whatever becomes of the work."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from labeling.base.states import CompositionKind
from labeling.desk.rules.working_time import LONGEST_TASK_SECONDS, credited, quarter_of
from labeling.desk.services.assignments import claim_ranking
from labeling.desk.services.working_time import record_time
from labeling.home.queries.day import day_of
from labeling.models import Assignment, Campaign, Composition, Demonstration, Labeler, Ranking, WorkingTime
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task, ranking_form_data
from tests.labeling.markup import compact

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


class TestCredited:
    """What is believed, by quarter of an hour."""

    def test_all_of_it_where_there_was_time_for_it(self) -> None:
        assert credited(60, since=at(0), until=at(10), taken={}) == {NINE: 60}

    def test_no_more_than_has_passed(self) -> None:
        assert credited(600, since=at(3), until=at(5), taken={}) == {NINE: 120}

    def test_the_last_quarter_first_and_then_those_before(self) -> None:
        assert credited(1_200, since=at(0), until=at(25), taken={}) == {at(15): 600, at(0): 600}

    def test_no_minute_twice(self) -> None:
        assert credited(300, since=at(0), until=at(5), taken={NINE: 240}) == {NINE: 60}
        assert credited(300, since=at(0), until=at(5), taken={NINE: 300}) == {}

    def test_nothing_from_a_clock_that_goes_backwards(self) -> None:
        assert credited(-5, since=at(0), until=at(5), taken={}) == {}
        assert credited(5, since=at(5), until=at(0), taken={}) == {}

    @given(
        st.floats(0, 1e6), st.floats(0, 300), st.floats(0, 300), st.dictionaries(st.integers(0, 20), st.floats(0, 900))
    )
    def test_a_quarter_never_holds_more_than_a_quarter(
        self, seconds: float, since: float, length: float, taken: dict[int, float]
    ) -> None:
        held = {at(15 * number): seconds for number, seconds in taken.items()}
        spread = credited(seconds, since=at(since), until=at(since + length), taken=held)
        assert sum(spread.values()) <= min(seconds, 60 * length) + 1e-6
        for quarter, got in spread.items():
            assert got > 0
            assert got + held.get(quarter, 0) <= 900 + 1e-6
            assert quarter == quarter_of(quarter)
            assert quarter_of(at(since)) <= quarter <= at(since + length)


@dataclass
class Clock:
    """The time that the server reads, moved by hand."""

    now: datetime = NINE

    def go(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(timezone, "now", lambda: moved.now)
    return moved


NAMES = (f"{number:032x}" for number in count(1))


@dataclass
class OpenPage:
    """A page of work in a browser, whose script counts as static/desk/active-time.js does."""

    client: Client
    clock: Clock
    address: str
    name: str = field(default_factory=lambda: next(NAMES))
    counted: float = 0.0

    def work(self, minutes: int) -> None:
        """The server hears of each minute."""
        for _ in range(minutes):
            self.clock.go(1)
            self.counted += 60
            self.say_so()

    def say_so(self) -> None:
        sent = {"page": self.name, "active_seconds": self.counted}
        assert self.client.post(f"{self.address}time/", sent, "application/json").status_code == 204

    def save(self, draft: dict[str, list[str]], *, version: int = 0) -> None:
        body = {"draft": draft, "base_version": version, "page": self.name}
        assert self.client.put(f"{self.address}draft/", body, "application/json").status_code == 200

    def press(self, button: str, **fields: Any) -> Any:
        sent = {"draft_page": self.name, "active_seconds": str(self.counted)} | fields
        return self.client.post(f"{self.address}{button}/", sent)

    def shows(self) -> float:
        """The minutes that the clock begins with when the page is opened."""
        html = self.client.get(self.address).content.decode()
        return float(html.split('data-before="')[1].split('"')[0]) / 60


@pytest.mark.django_db
class TestADay:
    """One day at the desk, with all that people do."""

    @pytest.fixture
    def campaign(self) -> Campaign:
        return make_campaign(
            name="Everyday", ask_edit=True, ask_dialogues=True, ask_own_prompts=True, rankings_per_task=1
        )

    def test_every_minute_at_work_is_counted_once_wherever_one_looks(
        self, client: Client, alice: Labeler, clock: Clock, campaign: Campaign
    ) -> None:
        def opened(address: str) -> OpenPage:
            return OpenPage(client=client, clock=clock, address=address)

        def the_next(kind: str) -> OpenPage:
            return opened(str(client.post(f"/next/{kind}/")["Location"]))

        def begun(kind: CompositionKind) -> OpenPage:
            return opened(str(client.post(f"/compose/start/{campaign.slug}/{kind}/")["Location"]))

        for _ in range(2):
            make_ready_task(make_prompt(campaign, demonstrations_needed=0))
        make_prompt(campaign, demonstrations_needed=1, ranking_tasks_needed=0)

        # A ranking: read for five minutes, the page opened again, ranked in two.
        page = the_next("ranking")
        page.work(5)
        again = opened(page.address)
        assert again.shows() == 5
        again.work(2)
        clock.go(20)  # lunch
        improving = opened(again.press("submit", **ranking_form_data([1, 2, 3, 4], active_seconds=None))["Location"])
        assert Ranking.objects.get().active_seconds == 7 * 60
        improving.work(4)
        assert improving.press("submit", best="1", text="Better still.").status_code == 302

        # Another one is skipped after three minutes.
        page = the_next("ranking")
        page.work(3)
        page.press("skip", skip_reason="unclear")

        # A demonstration on two screens side by side: each minute counts once.
        page = the_next("demonstration")
        other = opened(page.address)
        for _ in range(6):
            page.work(1)
            other.counted += 60
            other.say_so()
        page.save({"text": ["Half"]})
        page.work(4)
        page.press("submit", text="Whole.")

        # Own writing: a dialogue, and a prompt that is discarded.
        page = begun(CompositionKind.DIALOGUE)
        page.work(8)
        turns = {"1-role": "user", "1-text": "Who?", "2-role": "assistant", "2-text": "Me."}
        assert page.press("submit", language="en", **turns).status_code == 302
        page = begun(CompositionKind.OWN_PROMPT)
        page.work(6)
        page.press("discard")

        # The ranking is revised.
        token = Ranking.objects.get().assignment.token
        page = opened(client.post(f"/history/{token}/revise/")["Location"])
        page.work(2)
        page.press("submit", **ranking_form_data([2, 1, 3, 4], active_seconds=None))

        minutes = 5 + 2 + 4 + 3 + 6 + 4 + 8 + 6 + 2
        today = day_of(alice).today
        assert (today.hours * 60 + today.minutes, today.seconds) == (minutes, minutes * 60)
        assert (today.rankings, today.demonstrations, today.own_writing) == (1, 1, 2)
        day, start = (compact(client.get(address).content.decode()) for address in ("/day/", "/"))
        for kind in ("ranking", "demonstration"):
            assert f'data-today="{kind}s">1<' in day
            assert f'data-done-today="{kind}">1<' in start
        assert 'data-today="own_writing">2<' in day
        assert f'data-today="time">0 h {minutes} min<' in day
        assert dict(day_of(alice).campaigns)["Everyday"].seconds == minutes * 60
        labelers = admin_browser().get(reverse("admin:labeling_labeler_changelist")).text
        assert f"0 h {minutes} min" in labelers
        # What labels say of themselves are parts of the same sum.
        labels = [
            *Ranking.objects.order_by("revision").values_list("active_seconds", flat=True),
            *Demonstration.objects.order_by("pk").values_list("active_seconds", flat=True),
        ]
        assert [seconds and seconds / 60 for seconds in labels] == [7, 2, 4, 10, 8]
        assert Composition.objects.get(kind="dialogue").active_seconds == 8 * 60

    def test_the_day_of_a_minute_is_that_of_its_quarter_where_the_labeler_lives(
        self, client: Client, alice: Labeler, clock: Clock, campaign: Campaign
    ) -> None:
        alice.time_zone = "Asia/Kathmandu"  # 5:45 hours ahead
        alice.save()
        clock.now = datetime(2026, 3, 2, 18, 10, tzinfo=UTC)  # five minutes before midnight
        make_ready_task(make_prompt(campaign))
        page = OpenPage(client=client, clock=clock, address=str(client.post("/next/ranking/")["Location"]))
        page.work(8)
        alice.refresh_from_db()
        days = {each.day.isoformat(): each.done.seconds for each in day_of(alice).days}
        assert (days["2026-03-02"], days["2026-03-03"]) == (5 * 60, 3 * 60)


@pytest.fixture
def held(alice: Labeler, clock: Clock) -> Assignment:
    make_ready_task(make_prompt(make_campaign()))
    claimed = claim_ranking(labeler=alice)
    assert claimed is not None
    return claimed


@pytest.mark.django_db
class TestWhatIsWrittenDown:
    def test_the_same_said_twice_counts_once(self, held: Assignment, clock: Clock) -> None:
        clock.go(2)
        assert record_time(held, page="a", seconds=100) == 100
        assert record_time(held, page="a", seconds=100) == 100
        clock.go(1)
        assert record_time(held, page="a", seconds=130) == 130

    def test_what_was_not_believed_is_not_believed_later(self, held: Assignment, clock: Clock) -> None:
        clock.go(1)
        assert record_time(held, page="a", seconds=600) == 60
        clock.go(30)
        assert record_time(held, page="a", seconds=610) == 70

    def test_a_page_that_lost_its_connection_tells_all_at_once(self, held: Assignment, clock: Clock) -> None:
        clock.go(40)
        assert record_time(held, page="a", seconds=35 * 60) == 35 * 60
        by_quarter = list(WorkingTime.objects.order_by("quarter").values_list("seconds", flat=True))
        assert by_quarter == [600, 900, 600]

    def test_no_task_counts_for_more_than_four_hours(self, held: Assignment, clock: Clock) -> None:
        for hour in range(1, 8):
            clock.go(60)
            record_time(held, page="a", seconds=hour * 3600)
        assert WorkingTime.objects.aggregate(all=Sum("seconds"))["all"] == LONGEST_TASK_SECONDS

    def test_nobody_elses_and_nothing_after_the_end(self, client: Client, held: Assignment, clock: Clock) -> None:
        clock.go(1)
        address, sent = f"/work/{held.token}/time/", {"page": "a" * 32, "active_seconds": 30}
        bob = browser_of(make_labeler("bob"))
        assert bob.post(address, sent, "application/json").status_code == 404
        assert Client().post(address, sent, "application/json").status_code == 403
        assert client.post(address, {"active_seconds": -1}, "application/json").status_code == 400
        client.post(f"/work/{held.token}/skip/", {"skip_reason": "unclear"})
        assert client.post(address, sent, "application/json").status_code == 204
        assert not WorkingTime.objects.exists()
