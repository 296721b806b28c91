"""The server's addresses: OpenAI's for whoever asks, `/models` for whoever says what is served."""

import asyncio
import hmac
import json
from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sampler.chat_contract.answers import listed
from sampler.chat_contract.errors import ContractError
from sampler.chat_contract.requests import ChatRequest, parse_chat_request
from sampler.server.answering import Answering, EventStream, unless_gone
from sampler.server.hosted import Hosted, Retired
from sampler.server.numbers import numbers_of
from sampler.server.running import Running
from sampler.server.shelf import Full, Shelf

MOST_BODY_BYTES = 4 * 2**20
LONGEST_NAME = 200
OPEN = ("/health",)
"""Asked without the secret."""


class Server:
    """`secret`: whoever asks for anything but /health sends it as “Authorization: Bearer …”; "": nobody needs to."""

    def __init__(self, shelf: Shelf, *, secret: str) -> None:
        self.shelf = shelf
        self._secret = secret
        self.app = Starlette(
            routes=[
                Route("/health", self.health),
                Route("/metrics", self._guarded(self.metrics)),
                Route("/models", self._guarded(self.models)),
                Route("/models/{name}", self._guarded(self.load), methods=["PUT"]),
                Route("/models/{name}", self._guarded(self.retire), methods=["DELETE"]),
                Route("/v1/models", self._guarded(self.list_models)),
                Route("/v1/chat/completions", self._guarded(self.chat), methods=["POST"]),
            ],
            exception_handlers={ContractError: _refused, HTTPException: _no_such_address, Exception: _our_fault},
        )

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok", "ready": [hosted.name for hosted in self.shelf.hosted]})

    async def metrics(self, _request: Request) -> Response:
        return Response(numbers_of(self.shelf), media_type=CONTENT_TYPE_LATEST)

    async def models(self, _request: Request) -> Response:
        self.shelf.forget_those_that_left()
        return JSONResponse({"models": self.shelf.told()})

    async def load(self, request: Request) -> Response:
        """`{"path": …, "aliases": […]}`. Answers at once; `GET /models` says what became of it."""
        sent = await _json(request)
        name = request.path_params["name"]
        if not isinstance(sent, dict) or not isinstance(path := sent.get("path"), str) or len(name) > LONGEST_NAME:
            raise ContractError('The body is to be {"path": "a directory", "aliases": ["policy"]}.', param="path")
        aliases = sent.get("aliases", [])
        if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
            raise ContractError("aliases is to be a list of names.", param="aliases")
        try:
            self.shelf.load(name, path, aliases)
        except Full as full:
            said = "There is no room for another model now. Retire one, or start the server with more --most-models."
            raise ContractError(said, status=503, code="full", retry_after=30) from full
        return JSONResponse(self.shelf.told()[name], status_code=202)

    async def retire(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name in self.shelf.places:
            self.shelf.retire(name)
        return Response(status_code=204)

    async def list_models(self, _request: Request) -> Response:
        since = {hosted.name: hosted.since for hosted in self.shelf.hosted}
        names = since | {alias: since[name] for alias, name in self.shelf.aliases.items() if name in since}
        return JSONResponse(listed(sorted(names.items())))

    async def chat(self, request: Request) -> Response:
        asked = parse_chat_request(await _json(request))
        hosted, running = await self._begin(asked, scope=request.headers.get("X-Cache-Scope", ""))
        answering = Answering(asked, running, hosted.name)
        if asked.stream:
            return EventStream(answering.events(), ended=lambda: hosted.end(running))
        try:
            answer = await unless_gone(answering.whole(), request.receive)
        finally:
            hosted.end(running)
        return JSONResponse(answer)

    async def _begin(self, asked: ChatRequest, *, scope: str) -> tuple[Hosted, Running]:
        """An alias may move between the look and the asking; then whoever it stands for now is asked."""
        while True:
            hosted = await self.shelf.find(asked.model)
            try:
                running = await run_in_threadpool(hosted.begin, asked, scope=scope, loop=asyncio.get_running_loop())
            except Retired:
                continue
            return hosted, running

    def _guarded(self, endpoint: Any) -> Any:
        async def guarded(request: Request) -> Response:
            given = request.headers.get("Authorization", "")
            if self._secret and not hmac.compare_digest(given.encode(), f"Bearer {self._secret}".encode()):
                raise ContractError("The secret of this server is missing or wrong.", status=401)
            response: Response = await endpoint(request)
            return response

        return guarded


async def _json(request: Request) -> Any:
    """Only JSON, so that no page in a browser can send it from elsewhere; bounded. Raises ContractError."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise ContractError("The body is to be JSON: Content-Type: application/json.", status=415)
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > MOST_BODY_BYTES:
                said = f"The body is larger than {MOST_BODY_BYTES // 2**20} MiB. Send less."
                raise ContractError(said, status=413, code="too_large")
    except ClientDisconnect:
        raise ContractError("The request ended before its body did.") from None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as broken:
        raise ContractError(f"The body is no JSON: {type(broken).__name__}.") from broken


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ContractError)
    return JSONResponse(error.body, status_code=error.status, headers=error.headers)


async def _no_such_address(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = f"There is nothing at {request.method} {request.url.path[:200]}."
    return JSONResponse(ContractError(said, status=error.status_code).body, status_code=error.status_code)


async def _our_fault(_request: Request, _error: Exception) -> Response:
    return JSONResponse(ContractError("It is our fault, not yours. Try again.", status=500).body, status_code=500)
