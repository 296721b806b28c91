"""Chat completions over HTTP: eight clients that stream at once, and what the gateway adds to a request.

    python -m benchmarks.serving [--quick]

The clients are OpenAI's own, in a process of theirs on the same cores; the model is the demo's, Gemma 3 270M, in
bfloat16, greedy, its prompts of some hundred tokens. Tokens a second over all clients, and the time to the first text,
from `python -m sampler serve` and from `transformers serve` with the same weights (llama.cpp's server has no wheel that
installs without compiling).

What the gateway does for a request (token, rate, quota, consent, ledger) is timed in the application, all of it but
the waiting for the model's server. What a second hop adds for whoever asks is a request for one token through
`manage.py up`, less the median of the same request without it: two web servers, a client and PostgreSQL on two cores.
The server behind both is the real one with a model of two thin layers, whose own time hardly varies; beside the demo's
model, which wants both cores, the median is said, too.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.desk.web import running_web
from benchmarks.harness.command import run
from benchmarks.harness.machine import ROOT
from benchmarks.harness.measure import Measure
from benchmarks.harness.scratch import scratch_concord
from benchmarks.policy.shape import write_models
from benchmarks.serve import clients
from benchmarks.serve.gateway import own_seconds
from benchmarks.serve.servers import NotStarted, ours, transformers_serve, with_chat_template
from benchmarks.training.shape import SMALL
from sampler.demo_model import make_demo_model

CLIENTS = 8
MODEL = ROOT / "var" / "models" / "gemma-3-270m"
MOST_MS = 5.0
PEER = "transformers serve"


@dataclass(frozen=True)
class Speed:
    """tokens: a second. first, first_95: seconds to the first text, median and 95th percentile."""

    tokens: float
    first: float
    first_95: float


def main(quick: bool) -> list[Measure]:  # noqa: FBT001  (a benchmark's one argument)
    each, new = (1, 16) if quick else (4, 64)
    make_demo_model(MODEL)
    with TemporaryDirectory() as folder:
        model = with_chat_template(MODEL, Path(folder) / "model")
        with ours(model) as direct:
            our_speed = speed(direct, "policy", each=each, new=new)
            beside, _own = gateway_seconds(direct, model, requests=30 if quick else 300)
        small, _reward_model = write_models(Path(folder) / "small", SMALL)
        with ours(small) as direct:
            added, own = gateway_seconds(direct, small, requests=30 if quick else 1000)
        try:
            with transformers_serve(model) as theirs:
                peer = speed(theirs, str(model), each=each, new=new)
        except NotStarted as reason:
            print(f"{PEER}: {reason}", flush=True)
            peer = None
    return [
        _measure("8 streaming clients", our_speed.tokens, "tokens/s", "more", peer.tokens if peer else None),
        _measure(
            "time to first text, median", our_speed.first * 1000, "ms", "less", peer.first * 1000 if peer else None
        ),
        _measure(
            "time to first text, p95", our_speed.first_95 * 1000, "ms", "less", peer.first_95 * 1000 if peer else None
        ),
        Measure(name="gateway: auth, consent, ledger, median", value=median(own) * 1000, unit="ms", better="less"),
        Measure(
            name="gateway: auth, consent, ledger, p95", value=clients.percentile(own, 0.95) * 1000, unit="ms",
            better="less", limit=MOST_MS,
        ),
        Measure(name="gateway as a second hop, median", value=median(added) * 1000, unit="ms", better="less"),
        Measure(
            name="gateway as a second hop, p95", value=clients.percentile(added, 0.95) * 1000, unit="ms", better="less"
        ),
        Measure(
            name="gateway as a second hop beside the demo's model, median", value=median(beside) * 1000, unit="ms",
            better="less",
        ),
    ]  # fmt: skip


def speed(address: str, name: str, *, each: int, new: int) -> Speed:
    clients.streamed(address, name, clients=1, each=1, words=100, new=4)  # loaded and warm
    found, seconds = clients.streamed(address, name, clients=CLIENTS, each=each, words=100, new=new)
    first = [answered.first for answered in found]
    return Speed(
        tokens=sum(answered.tokens for answered in found) / seconds,
        first=median(first),
        first_95=clients.percentile(first, 0.95),
    )


def gateway_seconds(direct: str, model: Path, *, requests: int) -> tuple[list[float], list[float]]:
    """What each request took longer than the median of those without the gateway, the two in turn; and what the gateway
    itself did for each of as many others."""
    os.environ["SERVING_URL"] = direct.removesuffix("/v1")
    os.environ["SERVING_REQUESTS_PER_MINUTE"] = "1000000"
    with scratch_concord() as directory:
        key = _program(model)
        with running_web(directory) as web:
            through = f"http://127.0.0.1:{web.port}/v1"
            pairs = [
                (
                    clients.seconds_of_a_token(direct, "policy"),
                    clients.seconds_of_a_token(through, "policy", key=key),
                )
                for _ in range(requests + 5)
            ][5:]
        own = own_seconds(key, server=direct.removesuffix("/v1"), requests=requests)
    bare = median(seconds for seconds, _ in pairs)
    return [seconds - bare for _, seconds in pairs], own


def _program(model: Path) -> str:
    """A current model and the token of a program, in the scratch Concord."""
    from django.contrib.auth.models import User  # noqa: PLC0415  (needs Django set up)

    from labeling.base.states import ApiScope, ModelKind  # noqa: PLC0415
    from labeling.model_versions.services.promotion import promote  # noqa: PLC0415
    from labeling.model_versions.services.registration import register_model  # noqa: PLC0415
    from labeling.people.tokens.services import make_token  # noqa: PLC0415

    # Under the name that the server knows it by.
    version = register_model(kind=ModelKind.SFT, name="policy", path=model, used="for the benchmark")
    promote(version=version, reason="for the benchmark")
    account = User.objects.create_superuser("program")
    _token, secret = make_token(user=account, name="benchmark", scopes=[ApiScope.CHAT], tokens_per_day=0)
    return secret


def _measure(name: str, value: float, unit: str, better: str, peer_value: float | None) -> Measure:
    peer = PEER if peer_value is not None else ""
    return Measure(name=name, value=value, unit=unit, better=better, peer=peer, peer_value=peer_value)  # type: ignore[arg-type]


if __name__ == "__main__":
    run(main)
