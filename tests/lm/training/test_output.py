"""An output that can't be written to is refused before any work is done."""

from pathlib import Path

import pytest

from lm.errors import Refused
from lm.training.output import refuse_used_output


def test_an_output_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Refused, match="exists and is not empty"):
        refuse_used_output(tmp_path)
    with pytest.raises(Refused, match="exists and is not a directory"):
        refuse_used_output(tmp_path / "file")
    with pytest.raises(Refused, match="can't be made"):
        refuse_used_output(tmp_path / "file" / "below" / "out")
