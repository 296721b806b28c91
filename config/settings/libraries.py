"""What other libraries are told: the theme, axes (log-in attempts), DRF and drf-spectacular (the API), Celery."""

from config.connections import celery_broker
from config.settings.required import REDIS_URL
from config.settings.web import LOGIN_TRIES, LOGIN_WAIT
from config.unfold import UNFOLD  # noqa: F401  (a setting; the theme reads it)

AXES_HANDLER = "config.login_attempts.TwoLimits"
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]  # in the order in which TwoLimits takes them
AXES_FAILURE_LIMIT = LOGIN_TRIES
AXES_COOLOFF_TIME = LOGIN_WAIT
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "config.login_attempts.client_address"
AXES_LOCKOUT_CALLABLE = "config.login_attempts.please_wait"
AXES_ENABLE_ACCESS_FAILURE_LOG = True  # the admin shows it (labeling/people/admin)
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# Who tried, and from where, is what the log is for; passwords are never in it.
AXES_SENSITIVE_PARAMETERS: list[str] = []

OTP_TOTP_ISSUER = "Concord"  # what an authenticator app shows beside the account
OTP_ADMIN_HIDE_SENSITIVE_DATA = True

SPECTACULAR_SETTINGS = {
    "TITLE": "Concord",
    "DESCRIPTION": "Prompts in; progress, snapshots, models and rewards out. docs/api.md shows it by example.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",  # files of this server: pages load nothing from elsewhere
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "PREPROCESSING_HOOKS": ["labeling.api.views.schema.only_for_programs"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "labeling.api.views.schema.with_problems",
    ],
    "ENUM_NAME_OVERRIDES": {
        "UseCaseEnum": "labeling.base.states.UseCase",
        "CampaignStateEnum": "labeling.base.states.CampaignState",
        "ModelStateEnum": "labeling.base.states.ModelState",
        "RunStateEnum": "labeling.base.states.RunState",
        "EvaluationStateEnum": "labeling.base.states.EvaluationState",
        "ScoringStateEnum": "labeling.base.states.ScoringState",
        "DeliveryStateEnum": "labeling.base.states.DeliveryState",
        "ModelKindEnum": "labeling.base.states.ModelKind",
        "WebhookEventEnum": "labeling.base.states.WebhookEvent",
        "PromptSourceEnum": "labeling.base.states.PromptSource",
    },
}

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "labeling.api.views.schema.Described",
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["labeling.base.json_parser.BoundedJSONParser"],
}

CELERY_BROKER_URL = celery_broker(REDIS_URL)
