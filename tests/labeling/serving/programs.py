"""Programs that ask the gateway: a token, a client, a question."""

from typing import Any

from django.test import Client

from labeling.base.states import ApiScope
from labeling.models import ApiToken
from labeling.people.tokens.services import make_token
from tests.labeling.api.programs import make_account

HELLO: Any = [{"role": "user", "content": "Hello"}]
MAY_ASK = ("add_chatusage",)


def token_for(name: str = "petra", **fields: Any) -> tuple[ApiToken, str]:
    return make_token(user=make_account(name, MAY_ASK), name=name, scopes=[ApiScope.CHAT], **fields)


def program(secret: str) -> Client:
    return Client(headers={"authorization": f"Bearer {secret}"}, raise_request_exception=False)


def ask(client: Client, **fields: Any) -> Any:
    body = {"model": "policy", "messages": HELLO, "max_tokens": 4, **fields}
    return client.post("/v1/chat/completions", body, content_type="application/json")
