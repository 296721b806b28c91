from lm.words import counted


def test_one_is_said_otherwise_than_several() -> None:
    said = [counted(count, "prompt is", "prompts are") for count in (0, 1, 2, 1200)]
    assert said == ["0 prompts are", "1 prompt is", "2 prompts are", "1,200 prompts are"]
