"""What the console of `manage.py up` repeats of the logs of its children."""

from pathlib import Path

from laptop.supervisor import Log


def test_faults_are_said_and_settings_that_only_name_a_level_are_not(tmp_path: Path) -> None:
    log = tmp_path / "beat.log"
    banner = "    . logfile -> [stderr]@%WARNING\n"
    log.write_text(f"{banner}2026-01-01 INFO beat: Starting...\n2026-01-01 ERROR beat: lost\n")
    assert Log("beat", log).warnings() == ["2026-01-01 ERROR beat: lost"]
