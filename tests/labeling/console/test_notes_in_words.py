"""What services and workers write down in English is read in the admin's own language."""

from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone, translation

from labeling.base.admin.notes_in_words import note_in_words
from labeling.base.admin.refusals_in_words import refusal_in_words
from labeling.models import Labeler, ModelVersion, SamplingRun, ServedConversation
from labeling.ranking_tasks.services.setting_aside import set_prompt_aside
from labeling.ranking_tasks.services.tasks import set_aside
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task
from tests.labeling.conversations.talks import kept
from tests.labeling.refusals_said import refusals_said

ROOT = Path(__file__).resolve().parents[3]
ABOUT_FILES = [ROOT / "lm" / name for name in ("model_directory.py", "checkpoint_weights.py", "pretrained.py")]
WRITERS = [
    ROOT / "labeling" / name
    for name in (
        "ranking_tasks/services/sampling.py",
        "imports/services/undoing.py",
        "evaluations/services/running.py",
        "conversations/services/harvesting.py",
        "writing/suggestions/services.py",
        "rewards/services/scoring_requests.py",
        "model_versions/services/trying.py",
    )
]
WRITE = {"set_aside", "set_prompt_aside", "_set_aside_if_sampling", "move", "_fail", "_fail_if_waiting", "ModelRefused"}
BY = ("reason", "note", "error", "set_aside_reason", "failure")
WITH_A_WORD = {
    "directory 7 7.": ("directory 7 does not exist.", "directory 7 is a file, not a directory."),
    "of 7 7 7. They": ("of 7 lack 7. They", "of 7 have another shape than config.json says at 7. They"),
    "loaded as a 7:": ("loaded as a model:", "loaded as a tokenizer:"),
}
"""What a sentence becomes by the words that the code puts into it."""
FEW = (
    "Only 1 distinct completions could be sampled, and a ranking needs 4. Raise the campaign's temperature, or set the "
)
DIED = "2 workers died at it (killed, or out of memory). It is not tried again."


def test_what_is_wrong_with_a_model_s_files_has_its_sentence_in_chinese() -> None:
    found = set(refusals_said(ABOUT_FILES, {"UnusableModel"}, {}))
    said = {text for text in found if not any(general in text for general in WITH_A_WORD)}
    for general, every in WITH_A_WORD.items():
        said |= {text.replace(general, each) for text in found if general in text for each in every}
    assert len(said) > 25
    with translation.override("zh-hans"):
        assert {text for text in said if refusal_in_words(ValueError(text)) == text} == set()


def test_what_is_written_down_of_work_has_its_sentence_in_chinese() -> None:
    said = {*refusals_said(WRITERS, WRITE, {}, BY), DIED, "Prompt 7 was set aside.", "Withdrawn by whoever wrote it."}
    assert len(said) > 12
    with translation.override("zh-hans"):
        assert {text for text in said if note_in_words(text) == text} == set()


@pytest.mark.django_db
def test_pages_of_the_admin_say_in_chinese_why_work_was_set_aside_and_a_model_can_t_be_used(alice: Labeler) -> None:
    """Each page on which a stored note stands; what somebody wrote by hand stays as it was written."""
    campaign = make_campaign()
    task, other = (make_ready_task(make_prompt(campaign, text=text)) for text in ("Why is it so?", "And now?"))
    set_aside(task, reason=FEW + "prompt aside.")
    set_prompt_aside(prompt=other.prompt, reason="Spoiled by hand.")
    SamplingRun.objects.filter(task=task).update(error="Its worker died in the middle of it.")
    version = ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")
    version.checks.create(
        state="failed", failure="/tiny holds no weights: model.safetensors or 7 is missing.", finished_at=timezone.now()
    )
    conversation = kept(alice.user, "My address is kim@example.org, write to me.")
    ServedConversation.objects.update(note="It holds personal data: email.")
    olga = admin_browser()

    def page(name: str, *args: int) -> str:
        return olga.get(reverse(f"admin:{name}", args=args), headers={"accept-language": "zh-hans"}).text

    few = "只采样到 1 个不同的回答"
    assert page("labeling_rankingtask_change", task.pk).count(few) == 2
    assert "它的工作进程中途终止了" in page("labeling_rankingtask_change", task.pk)
    tasks, front = page("labeling_rankingtask_changelist"), page("index")
    assert few in tasks
    assert f"提示 {other.prompt_id} 已被搁置" in tasks
    assert few in front
    assert "/tiny 中没有权重" in front
    assert "/tiny 中没有权重" in page("labeling_modelversion_change", version.pk)
    assert page("labeling_prompt_change", other.prompt_id).count("Spoiled by hand.") == 2
    assert "<footer>导入</footer>" in "".join(page("labeling_rankingtask_change", task.pk).split())
    said = page("labeling_servedconversation_change", conversation.pk)
    assert "其中有个人信息：email。" in said
    assert "<strong>用户</strong>" in said
