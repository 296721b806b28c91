"""Models to sample from, sampling, what new campaigns begin with, imports."""

from config.env import SettingError
from config.settings.environment import env

env.section("Models")
SFT_MODEL_PATH = env.text(
    "SFT_MODEL_PATH",
    "",
    about="The language model to sample from at first: a safetensors directory or a Hugging Face id. It becomes "
    "current when a worker has sampled from it once.",
)
RM_BASE_MODEL_PATH = env.text(
    "RM_BASE_MODEL_PATH",
    "",
    about="What new reward models start from. Unset: the current SFT model, as InstructGPT §3.5 does.",
)

env.section("Sampling")
K_MIN = env.integer("K_MIN", 4, minimum=4, maximum=9, about="Fewest completions that a labeler ranks at once.")
K_MAX = env.integer("K_MAX", 9, minimum=4, maximum=9, about="Most completions that a labeler ranks at once.")
SAMPLING_TEMPERATURE = env.number(
    "SAMPLING_TEMPERATURE", 1.0, minimum=0.0, maximum=2.0, about="Temperature of new campaigns; 0 is greedy."
)
SAMPLING_TOP_P = env.number(
    "SAMPLING_TOP_P", 1.0, minimum=0.01, maximum=1.0, about="Nucleus of new campaigns; 1 keeps every token."
)
SAMPLING_MAX_NEW_TOKENS = env.integer(
    "SAMPLING_MAX_NEW_TOKENS", 256, minimum=1, maximum=32768, about="Longest completion of new campaigns, in tokens."
)
SAMPLING_PROMPTS_PER_BATCH = env.integer(
    "SAMPLING_PROMPTS_PER_BATCH",
    0,
    minimum=0,
    maximum=1024,
    about="Prompts that a worker samples for together. 0: 16 on a GPU or from a server, 1 on a processor.",
)
SAMPLING_MODELS_IN_MEMORY = env.integer(
    "SAMPLING_MODELS_IN_MEMORY",
    1,
    minimum=1,
    maximum=16,
    about="Models that a sampling worker keeps loaded; as many as a campaign mixes, where they fit.",
)
SAMPLING_RESAMPLE_LIMIT = env.integer(
    "SAMPLING_RESAMPLE_LIMIT",
    3,
    minimum=0,
    maximum=100,
    about="Rounds of replacing duplicates among the K completions.",
)
SAMPLING_SERVERS = env.server_addresses(
    "SAMPLING_SERVERS",
    about="Servers with OpenAI's API that admins may choose for a model version: http://vllm:8000/v1. Commas between.",
)
SAMPLING_SERVER_API_KEY = env.text(
    "SAMPLING_SERVER_API_KEY", "", about="The key that workers send to these servers, and to nobody else."
)
SAMPLING_SERVER_SECONDS = env.integer(
    "SAMPLING_SERVER_SECONDS",
    300,
    minimum=1,
    maximum=3600,
    about="How long a worker waits for an answer of such a server before it asks again.",
)
SAMPLING_SERVER_REQUESTS = env.integer(
    "SAMPLING_SERVER_REQUESTS", 16, minimum=1, maximum=1024, about="Requests of one worker to such a server at once."
)
SUGGESTION_WAIT_SECONDS = env.integer(
    "SUGGESTION_WAIT_SECONDS",
    120,
    minimum=5,
    maximum=3600,
    about="How long a labeler's page waits for the model before it says that nothing comes.",
)
READY_MINUTES = env.integer(
    "READY_MINUTES",
    30,
    minimum=0,
    maximum=1440,
    about="Of new campaigns: minutes of work that are kept ready ahead of everybody at work.",
)

env.section("Labeling")
LEASE_MINUTES = env.integer(
    "LEASE_MINUTES", 60, minimum=1, maximum=10_080, about="How long a labeler of a new campaign holds a task."
)

env.section("Imports")
IMPORT_MAX_MB = env.integer(
    "IMPORT_MAX_MB", 512, minimum=1, maximum=102_400, about="Largest file that the admin's import takes, in MiB."
)

if K_MIN > K_MAX:
    raise SettingError(f"K_MIN must not exceed K_MAX, but they are {K_MIN} and {K_MAX}.")
