"""A web application for test_gunicorn.py: an answer takes as long as its path says and names its process.

/lasting/SECONDS first has the process take others meanwhile.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from labeling.base.lasting import ROOM


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    _, *lasting, seconds = environ["PATH_INFO"].split("/")
    if lasting:
        environ[ROOM]()
    time.sleep(float(seconds))
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
