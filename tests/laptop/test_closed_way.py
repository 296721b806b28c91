"""Folders above Concord's own keep their modes, whoever may pass through them."""

import os
import stat
from pathlib import Path

import pytest

from laptop import service_owner
from laptop.embedded import Services
from laptop.supervisor import Log, Supervisor

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another account")


def test_a_closed_folder_above_var_is_named_and_stays_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    above = tmp_path / "above"
    services = Services(above / "var" / "services")
    services.directory.mkdir(parents=True)
    services.directory.parent.chmod(0o700)
    above.chmod(0o700)
    monkeypatch.setattr(service_owner, "POSTGRES_BIN_PATH", Path("/usr/bin"))
    owner = service_owner.ServiceOwner(services)
    with pytest.raises(SystemExit, match=r"can't enter .*chmod o\+x"):
        owner._open_the_way()
    assert stat.S_IMODE(above.stat().st_mode) == 0o700
    assert stat.S_IMODE(services.directory.parent.stat().st_mode) == 0o701  # Concord's own


def test_the_console_says_what_the_owner_of_the_servers_wrote(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(tmp_path, {}, tmp_path, said.append, lambda: None)
    log = tmp_path / "owner.log"
    log.write_text("WARNING: of yesterday\n")
    supervisor.follow(Log.from_its_end("servers", log))
    with log.open("a") as written:
        written.write("a line for nobody\nWARNING: PostgreSQL was ended by SIGKILL and was started again.\nWARN")
    supervisor.look()
    supervisor.look()
    assert said == ["servers: WARNING: PostgreSQL was ended by SIGKILL and was started again."]
