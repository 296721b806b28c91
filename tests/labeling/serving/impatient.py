"""The web application for test_slow_readers.py: a client that takes or sends nothing is let go of after a second.

/file is a large file, as WhiteNoise hands one over.
"""

import tempfile
from collections.abc import Callable
from typing import Any

from config.wsgi import application as concord
from labeling.base.fast_paths import web_worker

web_worker.SLOWEST_SECONDS = 1.0
LARGE = 64 << 20


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    if environ["PATH_INFO"] != "/file":
        return concord(environ, start_response)
    file = tempfile.TemporaryFile()  # noqa: SIM115  gunicorn closes it
    file.truncate(LARGE)
    start_response("200 OK", [("Content-Length", str(LARGE))])
    return environ["wsgi.file_wrapper"](file)
