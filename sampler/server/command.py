"""`python -m sampler serve`: language models answer over HTTP, as OpenAI's API does.

python -m sampler serve --model gemma=var/models/gemma-3-270m --alias policy=gemma
curl http://127.0.0.1:8001/v1/chat/completions -H "Content-Type: application/json" \\
  -d '{"model": "policy", "messages": [{"role": "user", "content": "Explain tides to a child."}]}'
"""

import argparse
import ipaddress
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette

from sampler.server.app import Server
from sampler.server.shelf import Shelf

SECRET = "SERVING_SECRET"  # noqa: S105  (the variable's name)


def main(arguments: Sequence[str]) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    models = dict(_pair(parser, one, "--model NAME=DIRECTORY") for one in options.model)
    aliases = dict(_pair(parser, one, "--alias ALIAS=NAME") for one in options.alias)
    if unknown := sorted(set(aliases.values()) - set(models)):
        parser.error(f"--alias stands for {unknown[0]}, which no --model names")
    if len(models) > options.most_models:
        parser.error(f"{len(models)} models are more than --most-models {options.most_models}")
    secret = os.environ.get(SECRET, "")
    if not secret and not _is_this_machine(options.host):
        parser.error(
            f"others can reach {options.host}, and whoever reaches this server can have models loaded: set {SECRET}"
        )
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    shelf = Shelf(
        most_models=options.most_models,
        most_waiting=options.most_waiting,
        device=options.device,
        dtype=options.dtype,
    )
    server = Server(shelf, secret=secret)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        for name, path in models.items():
            shelf.load(name, path, [alias for alias, stands_for in aliases.items() if stands_for == name])
        yield

    server.app.router.lifespan_context = lifespan
    uvicorn.run(
        server.app,
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=options.grace,
    )
    return 0


def _pair(parser: argparse.ArgumentParser, text: str, form: str) -> tuple[str, str]:
    name, _equals, value = text.partition("=")
    if not name or not value:
        parser.error(f"{text!r} is not of the form {form}")
    return name, value


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sampler serve", description="Language models answer over HTTP.")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=DIRECTORY", help="once for each model")
    parser.add_argument("--alias", action="append", default=[], metavar="ALIAS=NAME", help="another name of a model")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument(
        "--most-models",
        type=int,
        default=3,
        help="kept in memory at once; the one that was asked longest ago makes room, never one with an alias",
    )
    parser.add_argument("--most-waiting", type=int, default=64, help="requests of a model; further ones get 503")
    parser.add_argument("--grace", type=int, default=10, help="seconds for answers that are on their way at the end")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, …")
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"])
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
