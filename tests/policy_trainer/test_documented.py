"""docs/policy.md names the source of every default, and the defaults that there are."""

import re
from dataclasses import fields

from policy_trainer.arguments import DpoArguments, PpoArguments, SftArguments
from tests.processes import ROOT

# Places and switches, which no paper has.
WITHOUT_SOURCE = {
    "data", "keep_epochs", "pretraining", "reward_model", "watched_reward_model", "prompts", "leave_out_long_prompts",
    "hours", "keep_rollouts", "ensemble",
}  # fmt: skip


def test_every_default_of_a_command_is_in_the_table_with_its_source() -> None:
    page = (ROOT / "docs" / "policy.md").read_text()
    rows = re.findall(r"^\| (sft|dpo|ppo) `--([\w-]+)` \| (\S+) \| \S", page, re.MULTILINE)
    own = {
        (command, field.name.replace("_", "-"), str(field.default))
        for command, arguments in (("sft", SftArguments), ("dpo", DpoArguments), ("ppo", PpoArguments))
        for field in fields(arguments)
        if field.name in set(vars(arguments)["__annotations__"]) - WITHOUT_SOURCE - arguments.WITHOUT
    }
    assert set(rows) == own
