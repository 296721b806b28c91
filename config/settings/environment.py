"""Where the variables come from, and the shape that follows from DATABASE_URL."""

import os
from pathlib import Path

from config.env import Environment, SettingError

BASE_DIR = Path(__file__).resolve().parents[2]
IS_LAPTOP = not os.environ.get("DATABASE_URL", "").strip()
HAS_LAPTOP = (BASE_DIR / "laptop").is_dir()  # images for production leave it out
if IS_LAPTOP and not HAS_LAPTOP:
    raise SettingError("DATABASE_URL must be set: this installation can't start a PostgreSQL (it has no laptop/).")
if IS_LAPTOP:
    from laptop.defaults import LAPTOP_DEFAULTS

    ENVIRONMENT = Environment(os.environ, laptop_defaults=LAPTOP_DEFAULTS)
else:
    ENVIRONMENT = Environment(os.environ)
env = ENVIRONMENT
