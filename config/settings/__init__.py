"""Concord's settings, from the environment only.

Every variable is read in this folder, once, and refused here in words where it makes no sense; docs/settings.md
explains each. Two shapes follow from DATABASE_URL. Without it this is a laptop: embedded servers, a key made on the
spot, and values for a small model (laptop/). With it this is production: nothing is guessed, cookies are secure, HTTP
goes to HTTPS.

What operators set is in places, web, serving, alerts, labeling and training; what Django and other libraries are told
in django and libraries.
"""

from config.settings.alerts import *  # noqa: F403
from config.settings.django import *  # noqa: F403
from config.settings.environment import *  # noqa: F403
from config.settings.labeling import *  # noqa: F403
from config.settings.libraries import *  # noqa: F403
from config.settings.places import *  # noqa: F403
from config.settings.required import *  # noqa: F403
from config.settings.serving import *  # noqa: F403
from config.settings.training import *  # noqa: F403
from config.settings.web import *  # noqa: F403
