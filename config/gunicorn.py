"""How gunicorn serves the web, on a laptop and in production: `gunicorn -c python:config.gunicorn config.wsgi`.

Options on the command line win, such as --bind or --workers.
"""

import os

from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Python runs one thread of each process at a time, so cores are filled by processes; while one waits for PostgreSQL's
# commit another computes. Threads are for requests that last, such as a snapshot's download. Give --workers where a
# host does more than this.
workers = min(2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4, 16)
threads = 2
worker_class = "labeling.base.fast_paths.web_worker.EvenWorker"
keepalive = 30
loglevel = settings.LOG_LEVEL.lower()
preload_app = True  # the processes share what was loaded; new code needs a restart
