"""The light count of a prompt's tokens is the sampler's own count."""

import json
from pathlib import Path

import pytest

from lm.errors import RefusedByTemplate
from lm.prompt_format import Message
from lm.prompt_tokens import count_tokens
from sampler.protocol import SampleRequest
from sampler.transformers_sampler import TransformersSampler
from tests.tiny_models import ARCHITECTURES, CHAT_TEMPLATE, make_tiny_model

CONVERSATIONS: list[list[Message]] = [
    [{"role": "user", "content": "Hi"}],
    [{"role": "system", "content": "简短回答。"}, {"role": "user", "content": "写一首诗。\n\n  要押韵 🎉 <|im_end|>"}],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "naïve\tc"}],
]


@pytest.mark.parametrize("chat_template", [True, False], ids=["chat", "plain"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_light_count_is_the_samplers_count(tmp_path: Path, architecture: str, chat_template: bool) -> None:
    model = make_tiny_model(tmp_path, architecture=architecture, chat_template=chat_template)
    sampler = TransformersSampler.load(model, device="cpu")
    for messages in CONVERSATIONS:
        request = SampleRequest(messages=messages, num_completions=1, seed=1)
        assert count_tokens(model, messages) == len(sampler._prompt_tokens(request))


def test_plain_tokens_are_counted_by_hand(tmp_path: Path) -> None:
    """<bos>, and a token for each byte."""
    model = make_tiny_model(tmp_path, chat_template=False)
    assert count_tokens(model, [{"role": "user", "content": "你好"}]) == 1 + len("User: 你好\n\nAssistant:".encode())


@pytest.mark.parametrize("named", [False, True])
def test_templates_of_older_checkpoints_are_found_in_the_tokenizers_configuration(tmp_path: Path, named: bool) -> None:
    model = make_tiny_model(tmp_path)
    expected = count_tokens(model, CONVERSATIONS[0])
    older = make_tiny_model(tmp_path / "older", chat_template=False)
    file = older / "tokenizer_config.json"
    named_templates = [{"name": "tool_use", "template": "-"}, {"name": "default", "template": CHAT_TEMPLATE}]
    template = named_templates if named else CHAT_TEMPLATE
    file.write_text(json.dumps(json.loads(file.read_text()) | {"chat_template": template}))
    assert count_tokens(older, CONVERSATIONS[0]) == expected


def test_a_templates_refusal_is_told_in_its_words(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path)
    (model / "chat_template.jinja").write_text("{{ raise_exception('Roles must alternate') }}")
    with pytest.raises(RefusedByTemplate, match="refuses the conversation: Roles must alternate"):
        count_tokens(model, CONVERSATIONS[0])


def test_templates_may_use_what_transformers_offers_them(tmp_path: Path) -> None:
    """Dates, JSON that keeps its characters, loop controls, trimmed blocks, message methods and special tokens."""
    model = make_tiny_model(tmp_path)
    template = (
        "{{ bos_token }}{{ strftime_now('%Y') }}\n"
        "{%- for message in messages %}\n"
        "    {%- if message.role == 'system' %}{% continue %}{% endif %}\n"
        "    {{- message | tojson }}{{ message.content.strip() }}\n"
        "{%- endfor %}\n"
        "{% if add_generation_prompt %}\n<|im_start|>assistant\n{% endif %}{{ eos_token }}"
    )
    (model / "chat_template.jinja").write_text(template)
    sampler = TransformersSampler.load(model, device="cpu")
    for messages in CONVERSATIONS:
        request = SampleRequest(messages=messages, num_completions=1, seed=1)
        assert count_tokens(model, messages) == len(sampler._prompt_tokens(request))
