"""A labeler's own prompts through their pages: what they become, and what is refused, every word kept."""

from typing import Any

import pytest
from django.test import Client

from labeling.base.states import CompositionKind, ContentWarning, LabelerState
from labeling.desk.services.leases import close_campaign
from labeling.models import (
    PROMPTS_PER_SUBMITTER,
    Campaign,
    Composition,
    Demonstration,
    Labeler,
    OwnPrompt,
    Prompt,
    Submitter,
)
from labeling.writing.services import start_composition
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt

pytestmark = pytest.mark.django_db

STATEMENTS = [
    {"language": "en", "text": "You plan a trip."},
    {"language": "en", "text": "You run a bakery."},
    {"language": "zh", "text": "你在计划旅行。"},
]
FEW_SHOT = {
    "kind": "few_shot", "use_case": "classification", "language": "en", "instruction-text": "Name the mood.",
    "1-query-text": "I won!", "1-response-text": "Joy", "2-query-text": "It broke.", "2-response-text": "Anger",
    "3-query-text": "He left.", "3-response-text": "Grief", "active_seconds": "0.003",
}  # fmt: skip
PLAIN = {"kind": "plain", "use_case": "open_qa", "language": "en", "prompt-text": "Where do swifts sleep?"}


@pytest.fixture
def campaign() -> Campaign:
    return make_campaign(ask_own_prompts=True, use_case_statements=STATEMENTS)


@pytest.fixture
def begun(alice: Labeler, campaign: Campaign) -> Composition:
    return start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.OWN_PROMPT)


def submit(client: Client, begun: Composition, form_data: dict[str, Any], **changes: Any) -> Any:
    return client.post(f"/compose/{begun.token}/submit/", form_data | changes, follow=True)


def page_of(client: Client, begun: Composition) -> str:
    return str(client.get(f"/compose/{begun.token}/").content.decode())


class TestPlain:
    def test_it_becomes_a_prompt_of_the_labelers(self, client: Client, alice: Labeler, begun: Composition) -> None:
        html = submit(client, begun, PLAIN).content.decode()
        prompt = Prompt.objects.get()
        assert prompt.messages == [{"role": "user", "content": "Where do swifts sleep?"}]
        assert (prompt.source, prompt.use_case, prompt.language) == ("labeler_plain", "open_qa", "en")
        assert (prompt.author, prompt.submitter.name) == (alice, alice.pseudonym)
        assert (prompt.demonstrations_needed, prompt.ranking_tasks_needed) == (1, 1)
        assert not Demonstration.objects.exists()
        assert "Prompt saved. Thank you." in html
        assert "Write another prompt" in html
        assert "Where do swifts sleep?" in html

    def test_with_its_own_answer_nobody_else_is_asked_for_one(self, client: Client, begun: Composition) -> None:
        html = submit(client, begun, PLAIN, **{"answer-text": "On the **wing**."}).content.decode()
        demonstration = Demonstration.objects.get()
        assert demonstration.text == "On the **wing**."
        assert demonstration.prompt.demonstrations_needed == 0
        assert demonstration.instruction_version == begun.instruction_version
        assert "<strong>wing</strong>" in html

    def test_what_held_out_labelers_write_is_not_labeled(self, campaign: Campaign) -> None:
        bob = make_labeler("bob", group="held_out")
        begun = start_composition(labeler=bob, campaign=campaign, kind=CompositionKind.OWN_PROMPT)
        submit(browser_of(bob), begun, PLAIN)
        prompt = Prompt.objects.get()
        assert (prompt.demonstrations_needed, prompt.ranking_tasks_needed) == (0, 0)

    def test_the_languages_are_called_by_their_names(self, client: Client, begun: Composition) -> None:
        html = page_of(client, begun)
        assert '<option value="en" selected>English</option>' in html
        assert "中文</option>" in html

    def test_twice_is_once(self, client: Client, begun: Composition) -> None:
        submit(client, begun, PLAIN)
        html = submit(client, begun, PLAIN, **{"prompt-text": "Another one?"}).content.decode()
        assert "submitted already" in html
        assert Prompt.objects.count() == 1


class TestFewShot:
    def test_k_pairs_make_k_prompts_with_demonstrations_in_one_split(self, client: Client, begun: Composition) -> None:
        submit(client, begun, FEW_SHOT)
        own = OwnPrompt.objects.get()
        assert own.text == "Name the mood."
        assert own.pairs[2] == {"query": "He left.", "response": "Grief"}
        prompts = [example.prompt for example in own.examples.select_related("prompt__submitter")]
        assert [prompt.last_user_text() for prompt in prompts] == ["I won!", "It broke.", "He left."]
        assert {prompt.source for prompt in prompts} == {"labeler_few_shot"}
        assert len({prompt.submitter for prompt in prompts}) == 1
        assert [prompt.demonstrations.get().text for prompt in prompts] == ["Joy", "Anger", "Grief"]
        assert sum(each.active_seconds or 0 for each in Demonstration.objects.all()) == pytest.approx(0.003)

    def test_of_a_refused_one_nothing_is_stored(self, client: Client, begun: Composition) -> None:
        other = make_prompt(begun.campaign, text="unrelated")
        Submitter.objects.update_or_create(
            name=begun.labeler.pseudonym, defaults={"split": "train", "prompt_count": 198}
        )
        answer = submit(client, begun, FEW_SHOT)
        assert answer.status_code == 422
        assert "as many prompts as one person may (200)" in answer.content.decode()
        assert "It broke." in page_of(client, begun)
        assert list(Prompt.objects.all()) == [other]
        assert not OwnPrompt.objects.exists()

    def test_a_pair_more_without_javascript_keeps_all(self, client: Client, begun: Composition) -> None:
        client.post(f"/compose/{begun.token}/pairs/", FEW_SHOT | {"do": "add"})
        html = page_of(client, begun)
        assert 'name="4-query-text"' in html
        assert "He left." in html
        assert "Name the mood." in html

    def test_a_pair_less_without_javascript_keeps_the_others(self, client: Client, begun: Composition) -> None:
        client.post(f"/compose/{begun.token}/pairs/", FEW_SHOT | {"do": "remove-2"})
        html = page_of(client, begun)
        assert "It broke." not in html
        assert html.index("I won!") < html.index("He left.")
        assert 'name="3-query-text"' not in html

    def test_never_fewer_than_two_nor_more_than_ten(self, client: Client, begun: Composition) -> None:
        for _ in range(12):
            draft = Composition.objects.get(pk=begun.pk).draft or {"kind": ["few_shot"]}
            client.post(f"/compose/{begun.token}/pairs/", draft | {"do": "add"})
        html = page_of(client, begun)
        assert 'name="10-query-text"' in html
        assert 'name="11-query-text"' not in html
        client.post(f"/compose/{begun.token}/pairs/", {"kind": "few_shot", "do": "remove-1"})
        assert 'name="2-query-text"' in page_of(client, begun)


class TestUserBased:
    def test_the_use_case_shown_is_stored(self, client: Client, begun: Composition) -> None:
        form_data = PLAIN | {"kind": "user_based", "statement": "You run a bakery."}
        html = submit(client, begun, form_data).content.decode()
        assert OwnPrompt.objects.get().statement == "You run a bakery."
        assert Prompt.objects.get().source == "labeler_user_based"
        assert "You run a bakery." in html

    def test_only_statements_of_the_language_are_shown(self, client: Client, begun: Composition) -> None:
        html = page_of(client, begun)
        assert "You plan a trip." in html
        assert "你在计划旅行。" not in html

    def test_another_one_without_javascript(self, client: Client, begun: Composition) -> None:
        form_data = PLAIN | {"kind": "user_based", "statement": "You plan a trip.", "do": "another"}
        client.post(f"/compose/{begun.token}/pairs/", form_data)
        html = page_of(client, begun)
        assert 'name="statement" value="You run a bakery."' in html
        assert "Where do swifts sleep?" in html

    def test_one_that_is_gone_is_said_and_nothing_is_lost(self, client: Client, begun: Composition) -> None:
        answer = submit(client, begun, PLAIN | {"kind": "user_based", "statement": "You sail."})
        assert answer.status_code == 422
        assert "not asked for any more" in answer.content.decode()
        assert "Where do swifts sleep?" in answer.content.decode()
        assert not Prompt.objects.exists()

    def test_it_is_not_offered_without_use_cases(self, client: Client, alice: Labeler) -> None:
        campaign = make_campaign(ask_own_prompts=True)
        begun = start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.OWN_PROMPT)
        assert 'value="user_based"' not in page_of(client, begun)


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "saying"),
        [
            ({"prompt-text": " "}, "There is no prompt yet."),
            ({"use_case": ""}, "Choose what the prompt is for."),
            ({"prompt-text": "Why? " * 5000}, "100,000 characters, any other text 20,000"),
            ({"prompt-text": "Why\0?"}, "stored"),
            ({"kind": "few_shot", "1-query-text": "Half."}, "A pair lacks its query or its response."),
        ],
    )
    def test_what_is_missing_is_said_and_all_is_kept(
        self, client: Client, begun: Composition, changes: dict[str, str], saying: str
    ) -> None:
        answer = submit(client, begun, PLAIN | {"answer-text": "On the wing."}, **changes)
        assert answer.status_code == 422
        assert saying in answer.content.decode()
        assert "On the wing." in page_of(client, begun)
        assert not Prompt.objects.exists()

    def test_a_line_end_counts_once_though_forms_send_two_characters(self, client: Client, begun: Composition) -> None:
        submit(client, begun, PLAIN | {"prompt-text": "Why?\r\n" * 4_000})
        assert len(Prompt.objects.get().last_user_text()) == 20_000

    def test_one_prompt_too_many_of_a_few_shot_one_stores_none_of_them(
        self, client: Client, alice: Labeler, begun: Composition
    ) -> None:
        Submitter.objects.create(name=alice.pseudonym, split="train", prompt_count=PROMPTS_PER_SUBMITTER - 2)
        answer = submit(client, begun, FEW_SHOT)
        assert answer.status_code == 422
        assert "as many prompts as one person may (200)" in answer.content.decode()
        assert not Prompt.objects.exists()
        assert not OwnPrompt.objects.exists()
        assert "It broke." in page_of(client, begun)

    def test_a_near_duplicate_is_refused_in_words_of_its_own(self, client: Client, begun: Composition) -> None:
        make_prompt(begun.campaign, text="where do SWIFTS  sleep?")
        answer = submit(client, begun, PLAIN)
        assert answer.status_code == 422
        assert "begins like yours already: “Where do swifts sleep?”" in answer.content.decode()
        assert "Where do swifts sleep?" in page_of(client, begun)
        assert not OwnPrompt.objects.exists()

    def test_another_labelers_words_are_not_shown(self, client: Client, begun: Composition) -> None:
        """The prompt that it is like may be a private chat, or stand behind a warning that its reader opted out of."""
        opening = "Where do swifts sleep? " * 10
        said = [
            {"role": "user", "content": opening + "Tell me all."},
            {"role": "assistant", "content": "In the air."},
            {"role": "user", "content": "My name is Bob and I am ill."},
        ]
        make_prompt(begun.campaign, messages=said, content_warnings=[ContentWarning.MEDICAL])
        answer = submit(client, begun, PLAIN | {"prompt-text": opening + "Tell me all, please."})
        assert answer.status_code == 422
        html = answer.content.decode()
        assert "begins like yours already: “Where do swifts sleep?" in html
        assert "Bob" not in html

    def test_a_closed_campaign(self, client: Client, begun: Composition) -> None:
        close_campaign(campaign=begun.campaign)
        answer = submit(client, begun, PLAIN)
        assert answer.status_code == 410
        assert "Where do swifts sleep?" in answer.content.decode()

    def test_a_suspended_labeler(self, client: Client, begun: Composition) -> None:
        Labeler.objects.update(state=LabelerState.SUSPENDED)
        assert submit(client, begun, PLAIN).status_code == 409

    def test_anybody_elses(self, begun: Composition) -> None:
        bob = browser_of(make_labeler("bob"))
        assert bob.post(f"/compose/{begun.token}/pairs/", {"do": "add"}).status_code == 404

    def test_html_is_shown_and_does_nothing(self, client: Client, begun: Composition) -> None:
        html = submit(client, begun, PLAIN, **{"prompt-text": "<script>alert(1)</script>"}).content.decode()
        assert "<script>alert" not in html
        assert "&lt;script&gt;" in html


@pytest.mark.parametrize("number", [2, 10])
def test_the_page_of_what_was_handed_in_takes_the_same_queries(
    number: int, client: Client, begun: Composition, django_assert_num_queries: Any
) -> None:
    pairs = {
        f"{each}-{side}-text": f"{each}: {side}" for each in range(1, number + 1) for side in ("query", "response")
    }
    submit(client, begun, FEW_SHOT | {name: "" for name in FEW_SHOT if name[0].isdigit()} | pairs)
    client.get(f"/compose/{begun.token}/")
    # Session and labeler, the writing, the own prompt, its prompts, their demonstrations, the thread about it.
    with django_assert_num_queries(7):
        assert client.get(f"/compose/{begun.token}/").status_code == 200
