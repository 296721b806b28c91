"""A web application for test_gunicorn.py: an answer takes as long as its path says and names its process."""

import os
import time
from collections.abc import Callable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    time.sleep(float(environ["PATH_INFO"].strip("/")))
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
