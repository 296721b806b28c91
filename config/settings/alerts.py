"""Whom alerts are mailed to, by which server, and who may read /metrics."""

from config.env import SettingError
from config.settings.environment import env

env.section("Alerts and metrics")
ALERT_EMAILS = env.words("ALERT_EMAILS", "", about="Addresses that alerts are mailed to. Unset: to nobody.")
EMAIL_HOST = env.text("EMAIL_HOST", "", about="The mail server (SMTP) that sends them. Unset: no e-mail is sent.")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, minimum=1, maximum=65535, about="Its port.")
EMAIL_SECURITY = env.choice(
    "EMAIL_SECURITY", "starttls", options=("starttls", "tls", "none"), about="How the way to it is encrypted."
)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "", about="The account on it, where it asks for one.")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "", about="The password of that account.")
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "concord@localhost", about="The sender of e-mails.")
METRICS_TOKEN = env.text(
    "METRICS_TOKEN",
    "",
    about="Who sends it (Authorization: Bearer …) may read /metrics. Unset: only this machine itself may.",
)
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL_SECURITY == "starttls", EMAIL_SECURITY == "tls"
EMAIL_TIMEOUT = 10

if ALERT_EMAILS and not EMAIL_HOST:
    raise SettingError("ALERT_EMAILS needs EMAIL_HOST, the mail server that sends to these addresses.")
