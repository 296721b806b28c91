"""Files taken in: all or nothing, the good lines on request, previews that are right, and real data."""

import io
import json
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.base.states import TaskState
from labeling.desk.services.assignments import claim_ranking
from labeling.imports.rules.outcome import ImportResult
from labeling.imports.rules.reading import read_prompts
from labeling.imports.rules.rows import Defaults
from labeling.imports.services.taking_in import import_rows, preview
from labeling.models import PROMPTS_PER_SUBMITTER, Campaign, Completion, Demonstration, Prompt, RankingTask, Submitter
from tests.labeling.cast import make_campaign, make_labeler, make_prompt
from tests.labeling.models_in_use import promoted
from tests.tiny_models import CONTEXT_LENGTH, make_tiny_model

DATA = Path(__file__).parents[4] / "shared" / "data"

pytestmark = pytest.mark.django_db

SKY, GRASS = {"prompt": "Why is the sky blue?"}, {"prompt": "Why is grass green?"}


def rows_of(records: Sequence[dict[str, Any]], defaults: Defaults | None = None) -> Any:
    content = "".join(json.dumps(record) + "\n" for record in records)
    return read_prompts(io.BytesIO(content.encode()), filename="prompts.jsonl", defaults=defaults or Defaults())


def take_in(
    campaign: Campaign, *records: dict[str, Any], keep_good: bool = False, defaults: Defaults | None = None
) -> ImportResult:
    return import_rows(campaign, rows_of(records, defaults), keep_good=keep_good)


def refused(result: ImportResult) -> list[str]:
    return [str(row) for row in result.refused.examples]


def completions(*texts: str) -> list[dict[str, str]]:
    return [{"text": text, "model": f"model-{number}"} for number, text in enumerate(texts, start=1)]


class TestManyRows:
    """A block of rows is taken in by a number of statements that does not grow with them."""

    def test_take_few_statements_whatever_belongs_to_them(self) -> None:
        campaign = make_campaign()
        records: list[dict[str, Any]] = [
            {"prompt": f"Question {number}?", "submitter": f"customer-{number % 70}"} for number in range(160)
        ]
        records += [
            {"prompt": f"Rank {number}.", "completions": completions("One.", "Two.", "Three.", "Four.")}
            for number in range(20)
        ]
        records += [{"prompt": f"Greet guest {n // 2}.", "chosen": f"Hello {n}!", "rejected": "No."} for n in range(20)]
        with CaptureQueriesContext(connection) as asked:
            result = take_in(campaign, *records)
        assert (result.prompts, result.ranking_tasks, result.comparisons) == (190, 20, 20)
        assert not result.refused.count
        assert len(asked) < 40, "about 13 statements a row would be 2,600"
        assert RankingTask.objects.filter(state="ready", k=4).count() == 20
        assert Submitter.objects.get(name="customer-0").prompt_count == 3

    def test_are_refused_line_by_line_as_if_they_came_one_after_the_other(self) -> None:
        campaign = make_campaign()
        before = make_prompt(campaign, text="Why is the sky blue?")
        full = Submitter.objects.create(name="ada", split="train", prompt_count=PROMPTS_PER_SUBMITTER - 1)
        result = take_in(
            campaign,
            SKY,
            GRASS | {"submitter": "ada"},
            GRASS | {"submitter": "eve"},
            {"prompt": "One too many?", "submitter": "ada"},
            {"prompt": "One too many?", "submitter": "eve"},
            {"prompt": "A will.", "required_skills": ["law"]},
            {"prompt": "Why is the sky blue?", "chosen": "Rayleigh.", "rejected": "Paint."},
            {"prompt": "Why is the sky blue?", "chosen": "Rayleigh.", "rejected": "Paint."},
            keep_good=True,
        )
        assert refused(result) == [
            f"line 1, column 1: It starts like prompt {before.pk}, which is in the campaign already (near-duplicate).",
            "line 3, column 1: It starts like line 2 of this file (near-duplicate).",
            "line 4, column 1: Submitter “ada” has 200 prompts already, the most that one submitter may have.",
            "line 6, column 1: There is no such skill: law. Add it in the admin first.",
            "line 8, column 1: The same comparison of the same prompt is there already.",
        ]
        assert (result.prompts, result.comparisons) == (2, 1)
        full.refresh_from_db()
        assert full.prompt_count == PROMPTS_PER_SUBMITTER
        assert before.imported_rankings.count() == 1

    def test_a_comparison_adds_the_prompt_that_a_line_before_it_may_not(self) -> None:
        campaign = make_campaign()
        beginning = "Tell me all about it. " * 20
        make_prompt(campaign, text=beginning)
        asked = {"prompt": beginning + "And then?"}
        result = take_in(campaign, asked, asked | {"chosen": "So.", "rejected": "No."}, keep_good=True)
        assert len(refused(result)) == 1
        assert "near-duplicate" in refused(result)[0]
        assert (result.prompts, result.comparisons) == (1, 1)

    @pytest.mark.parametrize(("asked_too", "needed"), [(False, [0, 2]), (True, [1, 2])])
    def test_prompts_of_comparisons_ask_for_demonstrations_only_where_that_is_chosen(
        self, asked_too: bool, needed: list[int]
    ) -> None:
        campaign = make_campaign(demonstrations_per_prompt=2)
        ranked = [one | {"rank": rank} for rank, one in enumerate(completions("Rayleigh.", "Paint."), start=1)]
        compared = SKY | {"completions": ranked, "demonstration": "Scattering."}
        result = take_in(campaign, compared, GRASS, defaults=Defaults(demonstrate_compared=asked_too))
        assert (result.comparisons, result.not_demonstrated) == (1, 0 if asked_too else 1)
        assert list(campaign.prompts.order_by("pk").values_list("demonstrations_needed", flat=True)) == needed


class TestImport:
    def test_takes_prompts_with_all_that_belongs_to_them(self) -> None:
        campaign = make_campaign(demonstrations_per_prompt=2, ranking_tasks_per_prompt=3, rankings_per_task=2)

        result = take_in(
            campaign,
            SKY | {"submitter": "ada", "use_case": "open_qa", "demonstrations": ["Rayleigh scattering.", "It isn't."]},
            GRASS | {"completions": completions("Chlorophyll.", "Paint.", " Chlorophyll.\n", "", "It's blue.")},
        )

        assert (result.written, result.prompts, result.demonstrations, result.ranking_tasks) == (True, 2, 2, 1)
        sky, grass = Prompt.objects.order_by("id")
        assert (sky.submitter.name, sky.use_case, sky.language, sky.source) == ("ada", "open_qa", "en", "import")
        assert list(sky.demonstrations.values_list("text", "source")) == [
            ("Rayleigh scattering.", "import"),
            ("It isn't.", "import"),
        ]
        assert not Demonstration.objects.filter(labeler__isnull=False).exists()
        assert (sky.demonstrations_needed, sky.ranking_tasks_needed) == (0, 3)
        assert (grass.demonstrations_needed, grass.ranking_tasks_needed) == (2, 0)
        task = RankingTask.objects.get()
        assert (task.prompt, task.state, task.k_requested, task.k, task.rankings_needed) == (grass, "ready", 5, 3, 2)
        assert list(task.completions.values_list("text", "run__imported_model_name")) == [
            ("Chlorophyll.", "model-1"),
            ("Paint.", "model-2"),
            ("It's blue.", "model-5"),
        ]

    def test_given_completions_can_be_ranked_at_once(self) -> None:
        campaign = make_campaign()
        take_in(campaign, SKY | {"completions": completions("a", "b", "c", "d")})

        assignment = claim_ranking(labeler=make_labeler("alice"))

        assert assignment is not None
        assert len(assignment.shown_order) == 4

    def test_one_refused_line_refuses_the_file(self) -> None:
        campaign = make_campaign()

        result = take_in(campaign, SKY | {"demonstration": "Rayleigh."}, {"prompt": " "}, GRASS)

        assert (result.written, result.prompts, result.demonstrations) == (False, 2, 1)
        assert [row.line for row in result.refused.examples] == [2]
        assert not Prompt.objects.exists()
        assert not Submitter.objects.exists()
        assert not Demonstration.objects.exists()

    def test_good_lines_are_kept_on_request(self) -> None:
        campaign = make_campaign()

        result = take_in(campaign, SKY, {"prompt": " "}, GRASS, keep_good=True)

        assert (result.written, result.prompts, result.refused.count) == (True, 2, 1)
        assert Prompt.objects.count() == Submitter.objects.count() == 2

    def test_a_refused_row_leaves_nothing_behind(self) -> None:
        campaign = make_campaign()

        result = take_in(campaign, SKY | {"submitter": "ada", "completions": completions(*"aaaa")}, keep_good=True)

        (said,) = refused(result)
        assert said.startswith("line 1, column 1: Of 4 completions only 1 is distinct and not empty")
        assert not Prompt.objects.exists()
        assert not Submitter.objects.exists()
        assert (result.prompts, result.ranking_tasks) == (0, 0)

    @pytest.mark.parametrize(
        ("texts", "words"),
        [
            ("abc", "3 completions were given; a ranking task needs 4 to 9"),
            ("abcdefghij", "10 completions were given"),
            ("aaaa", "Of 4 completions only 1 is distinct and not empty"),
            (["", " ", "\n", ""], "Of 4 completions only 0 is distinct"),
            (["a", "b", "c", "\0"], "Completion 4: Character 1 is U+0000"),
        ],
    )
    def test_completions_that_make_no_task_are_refused(self, texts: Sequence[str], words: str) -> None:
        (line,) = refused(take_in(make_campaign(), SKY | {"completions": completions(*texts)}))

        assert words in line

    def test_completions_must_name_their_model(self) -> None:
        given = [*completions("a", "b", "c"), {"text": "d", "model": " "}]

        (line,) = refused(take_in(make_campaign(), SKY | {"completions": given}))

        assert "Completion 4 does not name the model that wrote it" in line


class TestDuplicates:
    def test_within_the_file_are_named_by_their_line(self) -> None:
        result = take_in(make_campaign(), SKY, GRASS, {"prompt": "WHY is  the sky blue?"})

        assert refused(result) == ["line 3, column 1: It starts like line 1 of this file (near-duplicate)."]

    def test_of_the_database_are_named_by_their_id(self) -> None:
        campaign = make_campaign()
        twin = make_prompt(campaign, text="Why is the sky blue?")

        (line,) = refused(take_in(campaign, SKY))

        assert f"It starts like prompt {twin.pk}, which is in the campaign already" in line

    def test_of_another_campaign_are_none(self) -> None:
        make_prompt(make_campaign(), text="Why is the sky blue?")

        assert take_in(make_campaign(), SKY).written

    def test_a_submitter_has_at_most_200(self) -> None:
        records = [{"prompt": f"{number} why?", "submitter": "ada"} for number in range(PROMPTS_PER_SUBMITTER + 2)]

        result = take_in(make_campaign(), *records, keep_good=True)

        assert result.prompts == PROMPTS_PER_SUBMITTER
        assert [row.line for row in result.refused.examples] == [201, 202]
        assert "“ada” has 200 prompts already" in refused(result)[0]


class TestPreview:
    def test_says_what_an_import_would_do_and_does_nothing(self) -> None:
        campaign = make_campaign()
        make_prompt(campaign, text="Why is grass green?", submitter="carol")
        records: list[dict[str, Any]] = [
            SKY | {"demonstration": "Rayleigh.", "completions": completions("a", "b", "c", "d")},
            {"prompt": "Why is the sky  blue?"},
            GRASS,
            {"prompt": " "},
        ]

        foreseen = preview(campaign, rows_of(records))

        assert Prompt.objects.count() == Submitter.objects.count() == 1
        assert not Completion.objects.exists()
        assert not foreseen.written
        done = take_in(campaign, *records, keep_good=True)
        assert foreseen.refused == done.refused
        assert [row.line for row in done.refused.examples] == [2, 3, 4]
        numbers = [(each.prompts, each.demonstrations, each.ranking_tasks) for each in (foreseen, done)]
        assert numbers == [(1, 1, 1), (1, 1, 1)]


class TestContext:
    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        return Path(promoted(make_tiny_model(tmp_path / "tiny")).path)

    @pytest.mark.usefixtures("model")
    def test_a_prompt_longer_than_the_models_is_refused(self) -> None:
        campaign = make_campaign(max_new_tokens=100)
        long = {"prompt": "a " * 200 + "why?"}

        result = take_in(campaign, SKY, long)

        (line,) = refused(result)
        assert line.startswith("line 2, column 1: The prompt has ")
        assert f"at most {CONTEXT_LENGTH - 100} fit" in line

    @pytest.mark.parametrize(
        "head", ["{% generation %}{% endgeneration %}", "{% if tools is not none %}{{ tools | tojson }}{% endif %}"]
    )
    def test_templates_that_mark_what_is_learned_or_ask_for_tools_are_rendered(self, model: Path, head: str) -> None:
        (model / "chat_template.jinja").write_text(head + "{{ messages[0].content }}")

        result = take_in(make_campaign(), SKY)

        assert result.written
        assert result.notes == []

    @pytest.mark.parametrize(
        "template",
        ["{% for %}", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "{{ 1 / 0 }}"],
    )
    def test_a_template_that_renders_nothing_stops_no_import(self, model: Path, template: str) -> None:
        (model / "chat_template.jinja").write_text(template)

        result = take_in(make_campaign(), SKY)

        assert result.written
        assert result.notes[0].startswith("How long the prompts are was not checked: ")

    def test_what_the_models_read_otherwise_is_said(self, model: Path) -> None:
        """A template without system messages, and demonstrations that no reward model made of this one will read."""
        users = "{% for each in messages if each.role != 'system' %}{{ each.content }}{% endfor %}"
        (model / "chat_template.jinja").write_text(users)
        system = {"role": "system", "content": "Be brief."}
        long = " ".join(map(str, range(CONTEXT_LENGTH)))

        result = take_in(
            make_campaign(max_new_tokens=100),
            {"messages": [system, {"role": "user", "content": "Why is grass green?"}]},
            {"prompt": "Why is the sea blue?", "demonstration": long},
            SKY,
        )

        assert result.written
        unread, too_long = [str(kind.examples[0]) for kind in result.warnings.kinds.values()]
        assert unread.startswith("line 1: The current model won't read message 1, of the system")
        assert too_long.startswith("line 2: 1 of its answers are longer than the reward model reads")

    def test_without_a_readable_model_it_is_said(self, model: Path) -> None:
        (model / "config.json").unlink()

        result = take_in(make_campaign(), SKY)

        assert result.written
        assert result.notes[0].startswith("How long the prompts are was not checked: ")


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_file_at_once_take_each_prompt_once() -> None:
    """The same 60 prompts of 6 submitters, in opposite orders: without one import at a time this deadlocks."""
    campaign = make_campaign()
    records = [{"prompt": f"{number} why?", "submitter": f"s{number % 6}"} for number in range(60)]
    results: list[ImportResult] = []
    errors: list[BaseException] = []

    def work(order: int) -> None:
        try:
            results.append(import_rows(campaign, rows_of(records[::order]), keep_good=True))
        except BaseException as error:  # noqa: BLE001  (reported to the test)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(order,)) for order in (1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not errors
    assert sorted(result.prompts for result in results) == [0, 60]
    assert Prompt.objects.count() == 60
    assert set(Submitter.objects.values_list("prompt_count", flat=True)) == {10}


class TestCommand:
    def run(self, *arguments: object) -> tuple[str, str]:
        out, err = io.StringIO(), io.StringIO()
        call_command("import_prompts", *(str(argument) for argument in arguments), stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        make_campaign(slug="sky")
        path = tmp_path / "prompts.jsonl"
        path.write_text('{"prompt": "Why is the sky blue?"}\n{"prompt": "Hi there"\n{"prompt": "1 + 1 = ?"}\n')
        return path

    def test_refuses_the_file_and_names_each_line(self, file: Path) -> None:
        err = io.StringIO()
        with pytest.raises(CommandError, match=r"2 lines refused, so nothing was imported. .*--keep-good"):
            call_command("import_prompts", str(file), "--campaign", "sky", stderr=err)

        assert err.getvalue().splitlines() == [
            "line 2, column 22: Broken JSON: Expecting ',' delimiter.",
            "line 3, column 1: Its text doesn't tell the language; add the field language, such as en or zh.",
        ]
        assert not Prompt.objects.exists()

    def test_keeps_the_good_lines_with_the_defaults_given(self, file: Path) -> None:
        out, err = self.run(
            file, "--campaign", "sky", "--keep-good", "--language", "en", "--submitter", "ada", "--use-case", "open_qa"
        )

        assert out == "Imported 2 prompts, 0 demonstrations, 0 ready ranking tasks; refused 1 line.\n"
        assert err.splitlines()[1].startswith("All prompts fall into the split")
        assert {(prompt.submitter.name, prompt.use_case) for prompt in Prompt.objects.all()} == {("ada", "open_qa")}

    def test_dry_run_changes_nothing(self, file: Path) -> None:
        out, _ = self.run(file, "--campaign", "sky", "--dry-run", "--keep-good")

        assert out.startswith("Would import 1 prompt, 0 demonstrations, 0 ready ranking tasks; would refuse 2 lines.")
        assert not Prompt.objects.exists()

    def test_ignored_fields_are_left_out(self, file: Path) -> None:
        file.write_text('{"prompt": "Why is the sky blue?", "score": 1}\n')

        out, _ = self.run(file, "--campaign", "sky", "--ignore", "score")

        assert out.startswith("Imported 1 prompt,")

    def test_unknown_campaigns_and_files_are_refused_in_words(self, file: Path) -> None:
        with pytest.raises(CommandError, match="no campaign “grass”; the campaigns are: sky"):
            self.run(file, "--campaign", "grass")
        with pytest.raises(CommandError, match=r"gone.jsonl can't be read: No such file"):
            self.run(file.with_name("gone.jsonl"), "--campaign", "sky")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the public data files are not at {DATA}")
class TestRealData:
    def run(self, name: str, *arguments: str) -> str:
        out = io.StringIO()
        make_campaign(slug="real")
        call_command("import_prompts", str(DATA / name), "--campaign", "real", *arguments, stdout=out)
        return out.getvalue()

    def test_seed_tasks_come_in_as_prompts_with_demonstrations(self) -> None:
        said = self.run("self_instruct_seed_tasks.jsonl")

        assert said == "Imported 175 prompts, 175 demonstrations, 0 ready ranking tasks; refused 0 lines.\n"
        assert Prompt.objects.count() == Demonstration.objects.count() == 175
        assert Counter(Prompt.objects.values_list("use_case", flat=True))["classification"] > 10
        assert set(Prompt.objects.values_list("opening__split", flat=True)) == {"train", "valid", "test"}

    def test_252_tasks_come_in_ready_to_be_ranked(self) -> None:
        said = self.run("self_instruct_252x6_completions.jsonl")

        assert said == (
            "252 human references left out; --with-reference ranks them, too.\n"
            "136 completions left out: empty, or the same as another.\n"
            "Imported 252 prompts, 0 demonstrations, 252 ready ranking tasks; refused 0 lines.\n"
        )
        tasks = RankingTask.objects.filter(state=TaskState.READY, k_requested=6)
        # Models that gave the same answer, or an empty one, leave fewer distinct completions.
        assert Counter(tasks.values_list("k", flat=True)) == {6: 164, 5: 60, 4: 14, 3: 8, 2: 6}

    def test_252_tasks_come_in_with_the_human_reference(self) -> None:
        said = self.run("self_instruct_252x6_completions.jsonl", "--with-reference")

        assert said.endswith("Imported 252 prompts, 0 demonstrations, 252 ready ranking tasks; refused 0 lines.\n")
        assert Counter(RankingTask.objects.values_list("k", flat=True)) == {7: 161, 6: 59, 5: 13, 4: 7, 3: 6, 2: 6}
        assert Completion.objects.filter(run__imported_model_name="human").count() > 200
