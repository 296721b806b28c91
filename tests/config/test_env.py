from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.env import Environment, SettingError


def environment(**values: str) -> Environment:
    return Environment(values)


def test_an_unset_and_an_empty_variable_give_the_default() -> None:
    assert environment().integer("K_MIN", 4, minimum=4, maximum=9, about="") == 4
    assert environment(K_MIN="  ").integer("K_MIN", 4, minimum=4, maximum=9, about="") == 4


def test_the_environment_wins_over_the_laptop_and_the_laptop_over_the_default() -> None:
    laptop = {"K_MAX": "4"}
    assert Environment({}, laptop).integer("K_MAX", 9, minimum=4, maximum=9, about="") == 4
    assert Environment({"K_MAX": "7"}, laptop).integer("K_MAX", 9, minimum=4, maximum=9, about="") == 7


@pytest.mark.parametrize("nonsense", ["many", "3", "10", "4.5", "4 5", "٤x", "-4"])
def test_a_whole_number_is_refused_with_its_range_and_what_was_found(nonsense: str) -> None:
    with pytest.raises(SettingError) as refusal:
        environment(K_MIN=nonsense).integer("K_MIN", 4, minimum=4, maximum=9, about="")
    assert str(refusal.value) == f'K_MIN must be a whole number from 4 to 9, but is "{nonsense}".'


@pytest.mark.parametrize("nonsense", ["warm", "nan", "inf", "2.01", "-0.1"])
def test_a_number_is_refused_outside_its_range(nonsense: str) -> None:
    with pytest.raises(SettingError, match=r"TEMPERATURE must be a number from 0 to 2, but is"):
        environment(TEMPERATURE=nonsense).number("TEMPERATURE", 1.0, minimum=0, maximum=2, about="")


@given(st.integers(min_value=-5, max_value=500))
def test_a_whole_number_is_taken_exactly_if_it_is_in_range(number: int) -> None:
    values = environment(N=str(number))
    if 1 <= number <= 100:
        assert values.integer("N", 7, minimum=1, maximum=100, about="") == number
    else:
        with pytest.raises(SettingError):
            values.integer("N", 7, minimum=1, maximum=100, about="")


@example("//[")
@given(st.text(alphabet=st.characters(exclude_characters="\0")))
def test_any_text_is_read_or_refused_in_words_and_never_fails_otherwise(text: str) -> None:
    for read in (
        lambda: environment(X=text).integer("X", 1, minimum=0, maximum=9, about=""),
        lambda: environment(X=text).number("X", 1.0, minimum=0, maximum=9, about=""),
        lambda: environment(X=text).boolean("X", default=True, about=""),
        lambda: environment(X=text).duration("X", "1d", about=""),
        lambda: environment(X=text).command("X", "python -m rm_trainer", about=""),
        lambda: environment(X=text).url("X", schemes=("redis",), example="redis://host", about=""),
    ):
        try:
            read()
        except SettingError as refusal:
            assert str(refusal).startswith("X must be ")


@pytest.mark.parametrize(("word", "meant"), [("true", True), ("YES", True), ("0", False), ("Off", False)])
def test_yes_and_no_have_their_usual_words(word: str, meant: bool) -> None:
    assert environment(DEBUG=word).boolean("DEBUG", default=not meant, about="") is meant


def test_other_words_are_neither_yes_nor_no() -> None:
    with pytest.raises(SettingError, match='DEBUG must be true or false, but is "maybe"'):
        environment(DEBUG="maybe").boolean("DEBUG", default=False, about="")


def test_a_duration_has_a_unit() -> None:
    assert environment(AGE="90m").duration("AGE", "14d", about="") == timedelta(minutes=90)
    assert environment().duration("AGE", "14d", about="") == timedelta(days=14)
    with pytest.raises(SettingError, match="a whole number with a unit, such as 30s, 15m, 12h or 7d"):
        environment(AGE="90").duration("AGE", "14d", about="")


def test_a_relative_path_starts_at_its_base_and_an_absolute_one_is_kept() -> None:
    base = Path("/srv/concord")
    assert environment().path("VAR_DIR", "var", base=base, about="") == base / "var"
    assert environment(VAR_DIR="/data").path("VAR_DIR", "var", base=base, about="") == Path("/data")


def test_a_url_of_another_scheme_is_refused_without_showing_its_password() -> None:
    with pytest.raises(SettingError) as refusal:
        environment(DATABASE_URL="mysql://concord:hunter2@db/concord").url(
            "DATABASE_URL", schemes=("postgresql",), example="postgresql://user@host/name", about=""
        )
    assert "postgresql://user@host/name" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_a_choice_outside_its_options_is_refused_with_all_of_them() -> None:
    with pytest.raises(SettingError, match='LOG_LEVEL must be one of INFO, ERROR, but is "LOUD"'):
        environment(LOG_LEVEL="LOUD").choice("LOG_LEVEL", "INFO", options=("INFO", "ERROR"), about="")


def test_a_list_loses_its_spaces_and_its_empty_parts() -> None:
    assert environment(HOSTS=" a.example, ,b.example,").words("HOSTS", "", about="") == ["a.example", "b.example"]


def test_a_command_is_split_like_a_shell_does() -> None:
    assert environment(RUN="torchrun --rdzv-id 'a b'").command("RUN", "", about="") == ["torchrun", "--rdzv-id", "a b"]
    with pytest.raises(SettingError, match="RUN must be a command line"):
        environment(RUN="torchrun 'open").command("RUN", "", about="")


def test_every_read_is_recorded_and_a_second_read_is_a_mistake() -> None:
    values = environment()
    values.section("Sampling")
    values.number("RM_LEARNING_RATE", 9e-6, minimum=0, maximum=1, about="Peak.")
    recorded = values.settings["RM_LEARNING_RATE"]
    assert (recorded.default, recorded.section, recorded.about) == ("9e-6", "Sampling", "Peak.")
    with pytest.raises(RuntimeError, match="read twice"):
        values.text("RM_LEARNING_RATE", "", about="")
