"""Chat templates render as in transformers, on every day the same, within bounded time, and fail in words."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.utils.chat_template_utils import render_jinja_template

from lm.chat_template import TEMPLATE_DATE, ChatTemplate, plain_template, with_fixed_date
from lm.errors import RefusedByTemplate, UnusableModel
from lm.prompt_format import Message, plain_conversation, plain_prompt
from tests.tiny_models import CHAT_TEMPLATE

TALK = [
    Message(role="system", content="Be brief."),
    Message(role="user", content="  Hi\n"),
    Message(role="assistant", content="<think>hm</think>Hello"),
    Message(role="user", content="你好"),
]
TOKENS = {"bos_token": "<bos>", "eos_token": "<eos>"}
GENERATION = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] }}{% endgeneration %}"
    "{% else %}{{ m['role'] + ': ' + m['content'] }}{% endif %}{% endfor %}"
)
AS_TRANSFORMERS_HAS_IT = {
    "chatml": CHAT_TEMPLATE,
    "generation": GENERATION,
    "no tools": "{% if tools is not none %}{{ tools | tojson }}{% endif %}{{ messages[0].content }}",
    "no documents": "{% if documents %}{{ documents }}{% endif %}{{ messages[0].content }}",
    "loops": (
        "{%- for m in messages %}\n    {%- if loop.index0 == 1 %}{% continue %}{% endif %}\n"
        "{{ loop.index }}/{{ loop.length }} {{ loop.previtem.role if loop.previtem }} {{ m.content | trim }}\n"
        "{% endfor %}"
    ),
    "namespace": (
        "{% set ns = namespace(found=false, n=0) %}{% for m in messages %}{% set ns.n = ns.n + m.content | length %}"
        "{% endfor %}{{ ns.n }}{{ dict(a=1) | tojson }}{{ messages | tojson(indent=2) }}"
    ),
    "macro": (
        "{% macro say(m) %}{{ m.role }}={{ m.content }};{% endmacro %}{% for m in messages %}{{ say(m) }}{% endfor %}"
    ),
    "thinking": "{% for m in messages %}{{ m.content.split('</think>')[-1].lstrip() }}{% endfor %}{{ eos_token }}",
}


def by_transformers(source: str, *, add_generation_prompt: bool = False) -> str:
    render: Any = render_jinja_template
    (text,), _ = render([TALK], chat_template=source, add_generation_prompt=add_generation_prompt, **TOKENS)
    return str(text)


@pytest.mark.parametrize("name", AS_TRANSFORMERS_HAS_IT)
@pytest.mark.parametrize("add_generation_prompt", [True, False])
def test_a_template_renders_as_in_transformers(name: str, add_generation_prompt: bool) -> None:
    source = AS_TRANSFORMERS_HAS_IT[name]
    rendered = ChatTemplate(source, TOKENS).render(TALK, add_generation_prompt=add_generation_prompt)
    assert rendered == by_transformers(source, add_generation_prompt=add_generation_prompt)


class TestDates:
    @pytest.mark.parametrize(
        "source",
        [
            "{{ strftime_now('%d %b %Y') }}",
            '\n  {% if strftime_now is defined %}{% set today = strftime_now("%Y-%m-%d, %A") %}{% endif %}{{ today }}',
            "{% for m in messages %}{{ strftime_now('%-d.%-m.%y %H:%M') }}{{ m.content }}{% endfor %}",
            "{% macro head(form) %}{{ strftime_now(form) }}{% endmacro %}{{ head('%B') }}",
        ],
    )
    def test_every_program_renders_one_date_for_ever(self, source: str) -> None:
        """Also plain transformers, which would give today's to the template as it was."""
        kept = with_fixed_date(source)
        assert by_transformers(kept) == ChatTemplate(source, TOKENS).render(TALK, add_generation_prompt=False)
        assert with_fixed_date(kept) == kept

    def test_it_is_the_date_of_the_constant(self) -> None:
        template = ChatTemplate("{{ strftime_now('%A, %d %b %Y, %j, %-d') }}", {})
        assert template.render(TALK, add_generation_prompt=False) == TEMPLATE_DATE.strftime("%A, %d %b %Y, %j, %-d")
        assert TEMPLATE_DATE.date() == date(2026, 1, 1)

    def test_a_template_without_a_date_stays_as_it_is(self) -> None:
        assert with_fixed_date(CHAT_TEMPLATE) == CHAT_TEMPLATE

    def test_nothing_else_of_a_template_changes(self) -> None:
        source = f"\n   {CHAT_TEMPLATE}{{% if false %}}{{{{ strftime_now('%Y') }}}}{{% endif %}}"
        assert by_transformers(with_fixed_date(source)) == by_transformers(source)


class TestRefusals:
    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("{{ raise_exception('Roles must alternate') }}", "Roles must alternate"),
            ("{{ messages[0]['content'] + 1 }}", "TypeError"),
            ("{{ 1 / 0 }}", "ZeroDivisionError"),
            ("{{ nobody.knows.this }}", "nobody"),
            ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", "RecursionError"),
            ("{{ namespace(_x=1) }}", "can't hold '_x'"),
            ("{{ ''.__class__.mro() }}", "unsafe"),
            (
                "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
                "a loop in it may have no end",
            ),
            (
                "{% for a in range(99999) %}{{ messages[3].content * 999 }}{% endfor %}",
                "more than 10,000,000 characters",
            ),
        ],
    )
    def test_whatever_a_template_does_ends_in_a_refusal(self, source: str, words: str) -> None:
        template = ChatTemplate(source, TOKENS)
        with pytest.raises(RefusedByTemplate, match=words):
            template.render(TALK, add_generation_prompt=False)

    def test_one_that_is_no_template_is_the_models_fault(self) -> None:
        with pytest.raises(UnusableModel, match=r"chat template can't be read: .*[Ee]xpected"):
            ChatTemplate("{% for %}", TOKENS)


@given(
    turns=st.lists(
        st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text(st.characters(codec="utf-8"), min_size=1)),
        min_size=1,
        max_size=4,
    )
)
def test_the_plain_format_as_a_template_is_the_plain_format(turns: list[tuple[str, str]]) -> None:
    messages = [Message(role=role, content=content) for role, content in turns]
    template = ChatTemplate(plain_template("<bos>"), TOKENS)
    assert template.render(messages, add_generation_prompt=True) == f"<bos>{plain_prompt(messages)}"
    assert template.render(messages, add_generation_prompt=False) == f"<bos>{plain_conversation(messages)}<eos>"


def test_the_plain_format_as_a_template_is_the_same_in_transformers() -> None:
    for opening in ("", "<bos>"):
        source = plain_template(opening)
        ours = ChatTemplate(source, TOKENS)
        for prompt in (True, False):
            assert by_transformers(source, add_generation_prompt=prompt) == ours.render(
                TALK, add_generation_prompt=prompt
            )
    with pytest.raises(
        RefusedByTemplate, match="A message has the role 'tool'; known roles are system, user, assistant"
    ):
        ChatTemplate(plain_template(""), {}).render([Message(role="tool", content="x")], add_generation_prompt=True)
