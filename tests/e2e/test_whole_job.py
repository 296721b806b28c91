"""The main job on real input, as its people do it: `manage.py up`, a browser, and the model that ships as a package.

A person logs in, writes a demonstration, ranks completions that the model sampled and talks with it; a program asks it
by OpenAI's own client; an export comes out; a reward model is trained from it, evaluated, registered and promoted; the
admin sees all of it.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.processes import ROOT, Processes, free_port, processes

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]

# A small model on two cores: short answers, and as little training as shows every joint.
SETTINGS = {
    "SAMPLING_MAX_NEW_TOKENS": 8,
    "SAMPLING_PROMPTS_PER_BATCH": 8,  # which cost little more than one
    "READY_MINUTES": 6,  # three tasks in each of two languages
    "RM_MAX_LENGTH": 160,
    "RM_EPOCHS": 1,
    "PROMOTE_MIN_TEST_RANKINGS": 1,
    "PROMOTE_MIN_NEW_RANKINGS": 1,
    "PROMOTE_TOLERANCE": 1,
    "PROMOTE_MIN_ACCURACY_GAIN": -1,
    "RETRAIN_AFTER_RANKINGS": 100_000,
}
PASSWORD = "concord-demo"
# Short ones, which cost little to sample from and to learn from. By their submitters the first, third and fifth are to
# train on, and the others to test on.
SHORT_PROMPTS = {
    "submitter-40": "Name a color.",
    "submitter-50": "Say hello.",
    "submitter-41": "What is rain?",
    "submitter-51": "Count to three.",
    "submitter-42": "Who was Homer?",
    "submitter-54": "Where is Peru?",
}


@pytest.fixture(scope="module")
def address() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def running(address: str) -> Iterator[Processes]:
    """Everything that `make demo` starts, with its data in a folder of the test's. The model is made once and kept."""
    inherited = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
        if name in os.environ
    }
    # Not below pytest's own folder: see laptop_folder in tests/conftest.py.
    with tempfile.TemporaryDirectory(prefix="concord-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # as laptop_folder in tests/conftest.py
        places = {"VAR_DIR": folder / "var", "MODELS_DIR": ROOT / "var" / "models"}
        with processes(inherited, folder, **places, **SETTINGS) as started:
            started.start("up", "manage.py", "up", "--port", address.rpartition(":")[2])
            log = folder / "up.log"
            started.wait_for("the address is printed", lambda: "Concord is ready" in log.read_text(), seconds=300)
            yield started


def log_in(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/login/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def write_a_demonstration(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Start writing").click()
    read_the_instructions(page)
    page.get_by_label("What the assistant should say").fill("A short, true and kind answer.\n\n从容不迫。")
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.get_by_role("status").first).to_contain_text("saved")


def read_the_instructions(page: Page) -> None:
    """They stand before the first task of a campaign, and never again."""
    page.get_by_role("button", name="I have read this").click()


def rank_what_was_sampled(page: Page, address: str) -> None:
    """Rates the four completions 6, 4, 4, 2, which ranks them 1, 2, 2, 3: a tie in the middle."""
    page.goto(address)
    page.get_by_role("button", name="Start ranking").or_(page.get_by_role("link", name="Continue ranking")).click()
    expect(page.get_by_role("button", name="Submit ranking")).to_be_visible()
    page.wait_for_load_state()
    for position, quality in enumerate((6, 4, 4, 2), start=1):
        choose(page, f"{position}-quality", quality)
    for position, rank in enumerate((1, 2, 2, 3), start=1):
        expect(page.locator(f"input[name='{position}-rank'][value='{rank}']")).to_be_checked()
    page.get_by_role("button", name="Submit ranking").click()
    expect(page.get_by_role("status").first).to_contain_text("saved")


def ask_as_a_program(running: Processes, address: str) -> None:
    """By OpenAI's own client, which waits for the model to be loaded as Retry-After says."""
    secret = running.run("create_api_token", "admin", "--scope", "chat").strip()
    with openai.OpenAI(base_url=f"{address}/v1", api_key=secret, max_retries=30) as client:
        asked: Any = {"model": "policy", "messages": [{"role": "user", "content": "Name a color."}], "max_tokens": 8}
        whole = client.chat.completions.create(**asked)
        chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert whole.usage is not None
    assert whole.choices[0].message.content
    assert 0 < whole.usage.completion_tokens <= 8
    assert any(choice.delta.content for chunk in chunks for choice in chunk.choices)
    used = chunks[-1].usage
    assert used is not None
    assert (used.prompt_tokens, 0 < used.completion_tokens <= 8) == (whole.usage.prompt_tokens, True)


def talk_in_the_playground(page: Page, address: str) -> None:
    """An answer is read while it grows, and stopped in the middle or read to its end."""
    page.goto(f"{address}/playground/")
    page.get_by_role("button", name="No, keep nothing").click()
    page.get_by_label("Your turn").fill("Tell me a long story about the sea.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".of-assistant").last).to_contain_text(re.compile(r"\w{2,}\s+\w+"), timeout=60_000)
    page.keyboard.press("Escape")
    expect(page.locator(".turn")).to_have_count(2)


def choose(page: Page, name: str, value: int) -> None:
    option = page.locator(f"input[name='{name}'][value='{value}']")
    page.locator("label").filter(has=option).click()
    expect(option).to_be_checked()


def html_of(page: Page, address: str) -> str:
    """A page as the browser that is logged in gets it, and not drawn: drawing takes a core from what is waited for."""
    response = page.request.get(address)
    assert response.ok, response.text()
    return response.text()


def ready_for(page: Page, address: str) -> int:
    (number,) = re.findall(r'data-available="ranking">\s*(\d+)', html_of(page, address))
    return int(number)


def test_from_a_persons_ranking_to_a_promoted_reward_model(
    browser: Browser, running: Processes, address: str, tmp_path: Path
) -> None:
    labeler = browser.new_page()
    log_in(labeler, address, "labeler1")
    write_a_demonstration(labeler, address)
    running.wait_for("two tasks are sampled", lambda: ready_for(labeler, address) >= 2, seconds=240, every=1)
    rank_what_was_sampled(labeler, address)
    rank_what_was_sampled(labeler, address)
    ask_as_a_program(running, address)
    talk_in_the_playground(labeler, address)
    labeler.goto(f"{address}/history/")
    expect(labeler.get_by_role("main")).to_contain_text("Starter campaign")

    running.run("export_comparisons", "--output", str(tmp_path / "export"), "--format", "rankings")
    manifest = json.loads((tmp_path / "export" / "manifest.json").read_text())
    assert sum(split["rankings"] for split in manifest["counts"].values()) == 2
    records = [
        json.loads(line) for path in (tmp_path / "export").rglob("*.jsonl") for line in path.read_text().splitlines()
    ]
    assert [sorted(each["rank"] for each in record["completions"]) for record in records] == [[1, 2, 2, 3]] * 2
    assert {each["model"] for record in records for each in record["completions"]} == {"gemma-3-270m"}

    simulate_labelers(running, tmp_path / "short.jsonl")
    admin = browser.new_page()
    log_in(admin, address, "admin")
    retrain_in_the_admin(admin, address)
    running.wait_for("the training run ended", lambda: run_has_ended(admin, address), seconds=420, every=2)
    admin.goto(f"{address}/admin/labeling/trainingrun/")
    expect(admin.locator("#changelist")).to_contain_text("Promoted")

    admin.goto(f"{address}/admin/labeling/modelversion/")
    expect(admin.locator("#changelist")).to_contain_text("reward-1")
    admin.goto(f"{address}/admin/labeling/trainingrun/1/change/")
    expect(admin.locator("svg").first).to_be_visible()
    admin.goto(f"{address}/admin/")
    expect(admin.locator("#content")).to_contain_text("reward-1")


def simulate_labelers(running: Processes, prompts: Path) -> None:
    """In a campaign of its own, a draft that labelers don't see."""
    records = [
        {"messages": [{"role": "user", "content": text}], "submitter": submitter}
        for submitter, text in SHORT_PROMPTS.items()
    ]
    prompts.write_text("".join(json.dumps(record) + "\n" for record in records))
    running.run("create_campaign", "--slug", "short", "--name", "Short questions", "--languages", "en")
    running.run("import_prompts", str(prompts), "--campaign", "short", "--use-case", "generation")
    count = str(len(SHORT_PROMPTS))
    running.run("simulate_labelers", "--campaign", "short", "--rankings", count, "--rule", "shorter")


def retrain_in_the_admin(page: Page, address: str) -> None:
    page.goto(f"{address}/admin/labeling/trainingrun/")
    page.get_by_role("link", name=re.compile("Retrain now")).first.click()
    page.get_by_text("Learn from simulated rankings too").click()
    expect(page.get_by_label("Learn from simulated rankings too")).to_be_checked()
    page.get_by_text("Let it become current though it learns from simulated rankings").click()
    page.get_by_role("button", name="Retrain now").click()
    expect(page.locator("body")).to_contain_text("on its way to a training worker")


def run_has_ended(page: Page, address: str) -> bool:
    html = html_of(page, f"{address}/admin/labeling/trainingrun/")
    (rows,) = re.findall(r'id="result_list".*?</table>', html, re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", rows).lower()
    assert "failed" not in text, text
    return "done" in text
