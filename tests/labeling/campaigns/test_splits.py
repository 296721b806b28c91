"""What begins alike is in one split, whoever submitted it, whatever the campaign, however the name is spelt."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from labeling.base.states import CompositionKind
from labeling.campaigns.rules.splits import split_of, submitter_name
from labeling.campaigns.services.prompts import split_where_begun
from labeling.exports.services.snapshots import write_snapshot
from labeling.models import Labeler, Prompt, PromptOpening, Submitter
from labeling.writing.own_prompts.rules import OwnWriting, Pair
from labeling.writing.own_prompts.services import submit_own_prompt
from labeling.writing.services import start_composition
from lm.prompt_format import Message
from lm.snapshot.openings import opening_key
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import in_split, lines, rank

pytestmark = pytest.mark.django_db

TIDES = "Why are there tides? " * 30
DIALOGUE = [
    {"role": "user", "content": "Why are there tides?"},
    {"role": "assistant", "content": "The moon pulls the sea."},
    {"role": "user", "content": "And the sun?"},
]


@pytest.mark.parametrize("spelt", ["kim ", "\tkim", "kim\u00a0"])
def test_one_name_is_one_submitter(spelt: str) -> None:
    campaign = make_campaign()
    make_prompt(campaign, submitter="kim")
    make_prompt(campaign, submitter=spelt)
    assert Submitter.objects.get().prompt_count == 2
    assert split_of(spelt) == split_of("kim")


def test_composed_and_decomposed_letters_are_one_name() -> None:
    assert submitter_name("Jose\u0301  Lee") == "Jos\u00e9 Lee"
    assert split_of("Jose\u0301") == split_of("Jos\u00e9")


def test_a_dialogue_and_its_continuation_are_in_one_split(tmp_path: Path) -> None:
    """Without a submitter, as public files have them; their first 200 columns differ."""
    path = tmp_path / "dialogues.jsonl"
    topics = ("tides", "bees", "rust", "tea", "snow", "salt", "bread", "glass")
    records = []
    for topic in topics:
        begun = [{"role": "user", "content": f"What is {topic}?"}]
        answered = [*begun, {"role": "assistant", "content": "Well."}, {"role": "user", "content": "Go on."}]
        records += [{"messages": begun, "language": "en"}, {"messages": answered, "language": "en"}]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    make_campaign(slug="public")
    call_command("import_prompts", str(path), "--campaign", "public", stdout=io.StringIO())
    prompts = list(Prompt.objects.order_by("pk"))
    assert len(prompts) == 2 * len(topics)
    assert [first.split == second.split for first, second in zip(prompts[::2], prompts[1::2], strict=True)] == [
        True
    ] * len(topics)
    assert len({prompt.split for prompt in prompts}) > 1


def test_one_conversation_has_one_split_whatever_the_campaign(tmp_path: Path, alice: Labeler) -> None:
    """Ada is in train and Tess in test; what Tess submits to the second campaign began with Ada."""
    (ada,), (tess,) = in_split("train"), in_split("test")
    first = make_prompt(make_campaign(), text="Why are there  Tides?", submitter=ada)
    assert split_where_begun([[Message(role="user", content="why are there tides?")]]) == "train"
    second = make_prompt(make_campaign(), messages=DIALOGUE, submitter=tess)
    other = make_prompt(make_campaign(), text="Something else?", submitter=tess)
    assert (first.split, second.split, other.split) == ("train", "train", "test")
    for prompt in (first, second, other):
        make_ready_task(prompt, texts=["a", "b", "c", "d"])
        rank(alice, [1, 2, 3, 4])
    write_snapshot(tmp_path / "out", kinds=["rankings"])
    begun = {
        split: {opening_key(record["prompt"]) for record in lines(tmp_path / "out", f"rankings/{split}.jsonl")}
        for split in ("train", "test")
    }
    assert begun["train"] & begun["test"] == set()
    assert len(lines(tmp_path / "out", "rankings/train.jsonl")) == 2


def test_all_prompts_of_a_few_shot_writing_go_where_one_of_them_is_known() -> None:
    """Each shows the others' queries, so that half of them in another split would be tested on what was trained on."""
    labeler = make_labeler("lea")
    elsewhere = "test" if split_of(labeler.pseudonym) != "test" else "train"
    campaign = make_campaign(ask_own_prompts=True)
    make_prompt(make_campaign(), text="Green?", submitter=in_split(elsewhere)[0])
    begun = start_composition(labeler=labeler, campaign=campaign, kind=CompositionKind.OWN_PROMPT)
    pairs = [Pair(query=colour, response="Yes.") for colour in ("Red?", "Green?", "Blue?")]
    writing = OwnWriting(kind="few_shot", instruction="Say yes.", pairs=pairs, use_case="open_qa", language="en")
    submit_own_prompt(labeler=labeler, token=str(begun.token), writing=writing, active_seconds=1)
    assert {prompt.split for prompt in Prompt.objects.filter(author=labeler)} == {elsewhere}


def test_postgres_keeps_one_split_for_an_opening() -> None:
    prompt = make_prompt(make_campaign(), text="Why?")
    with pytest.raises(IntegrityError), transaction.atomic():
        PromptOpening.objects.create(key=prompt.opening.key, split="test")
    with pytest.raises(IntegrityError), transaction.atomic():
        PromptOpening.objects.update(split="test" if prompt.split != "test" else "train")
    other = PromptOpening.objects.create(key="0" * 64, split="test")
    with pytest.raises(IntegrityError), transaction.atomic():
        Prompt.objects.update(opening=other)
