"""`manage.py best_of_n`."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from labeling.rewards.services.rewards import score_ahead
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task
from tests.labeling.scripted_rewarder import ScriptedRewarder, current_reward_model

pytestmark = pytest.mark.django_db


def best(**options: Any) -> list[dict[str, Any]]:
    out = io.StringIO()
    call_command("best_of_n", stdout=out, **options)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_each_prompts_best_completion_is_a_line() -> None:
    campaign = make_campaign(slug="first")
    first, second = (make_prompt(campaign, text=text) for text in ("Say 好.", "Say bye."))
    make_ready_task(first, texts=["a", "bb", "ccc", "dddd"])
    make_ready_task(second, texts=["a", "bb", "ccc", "dddd", "eeeee"])
    model = current_reward_model()
    score_ahead(model=model, load=ScriptedRewarder, limit=100, somebody_waits=lambda: False)
    lines = best()
    assert [(line["prompt_id"], line["completion"], line["reward"], line["of"]) for line in lines] == [
        (first.pk, "dddd", 4.0, 4),
        (second.pk, "eeeee", 5.0, 5),
    ]
    assert lines[0]["prompt"] == [{"role": "user", "content": "Say 好."}]
    assert lines[0]["model"] == model.name
    assert [line["completion"] for line in best(n=2)] == ["bb", "bb"]
    assert [line["prompt_id"] for line in best(n=5)] == [second.pk]
    assert [line["completion"] for line in best(prompt=first.pk, n=3)] == ["ccc"]
    assert best(prompt=first.pk, n=5) == []
    assert best(campaign="other") == []
    assert best(model=current_reward_model().name) == []
    assert len(best(model=model.name)) == 2


def test_what_is_not_there_is_refused_in_words() -> None:
    with pytest.raises(CommandError, match="No reward model is current"):
        best()
    current_reward_model()
    for options, says in (
        ({"model": "nobody"}, "no reward model named “nobody”"),
        ({"prompt": 77}, "There is no prompt 77"),
        ({"n": 0}, "--n is 0"),
    ):
        with pytest.raises(CommandError, match=says):
            best(**options)
