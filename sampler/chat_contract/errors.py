"""Refusals in the shape of OpenAI's API, which its clients turn into their own exceptions."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict


class ErrorFields(TypedDict):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(TypedDict):
    error: ErrorFields
    request_id: NotRequired[str]


TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "overloaded_error",
}
"""By HTTP status; all others are an `invalid_request_error`."""


class ContractError(Exception):
    """A request that is answered with an error; the message says what was wrong and what to do."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        """`param`: the field that is to blame, such as `messages[2].role`. `retry_after`: seconds."""
        super().__init__(_sendable(message))
        self.status = status
        self.param = None if param is None else _sendable(param)
        self.code = code
        self.retry_after = retry_after

    @property
    def body(self) -> ErrorBody:
        kind = TYPES.get(self.status, "invalid_request_error")
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def _sendable(text: str) -> str:
    """Half characters in what somebody sent, which is quoted, as question marks: no answer can hold them."""
    return text.encode("utf-8", "replace").decode()
