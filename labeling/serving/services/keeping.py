"""Whether a program's conversation may become a prompt: the one place where the gateway hands it on."""

from labeling.people.tokens.models import ApiToken
from sampler.chat_contract.requests import ChatRequest


def keep_conversation(*, token: ApiToken, request: ChatRequest) -> bool:  # noqa: ARG001
    """Hands a program's request on to be kept, where that was consented to; returns whether it was kept.

    Called before the answer is begun, whose header X-Prompt-Kept says it. `request.store` is False where the program
    does not want it kept, whatever its token allows; `request.user` names the program's own user.
    """
    return False
