"""Try a model by hand, or serve models over HTTP (sampler/server/command.py).

python -m sampler --model var/models/gemma-3-270m --prompt "Explain tides to a child." -k 4
python -m sampler serve --model gemma=var/models/gemma-3-270m
"""

import argparse
import random
import runpy
import sys
import time

from lm.errors import UnusableModel, UnusablePrompt
from sampler.protocol import SampleRequest
from sampler.transformers_sampler import TransformersSampler


def main() -> int:
    if sys.argv[1:2] == ["serve"]:
        del sys.argv[1]
        runpy.run_module("sampler.server.command", run_name="__main__")  # ends with its exit status
    arguments = _parser().parse_args()
    try:
        sampler = TransformersSampler.load(arguments.model, device=arguments.device, dtype=arguments.dtype)
        request = SampleRequest(
            messages=[{"role": "user", "content": arguments.prompt}],
            num_completions=arguments.completions,
            seed=arguments.seed,
            temperature=arguments.temperature,
            top_p=arguments.top_p,
            max_new_tokens=arguments.max_new_tokens,
        )
        started = time.monotonic()
        (completions,) = sampler.sample([request])
    except (UnusableModel, UnusablePrompt, ValueError) as refusal:
        print(refusal, file=sys.stderr)
        return 2
    seconds = time.monotonic() - started
    for completion in completions:
        print(
            f"--- seed {completion.seed}, {completion.token_count} tokens, {completion.finish_reason}, "
            f"mean log-probability {completion.mean_logprob:.2f}\n{completion.text}"
        )
    tokens = sum(completion.token_count for completion in completions)
    print(f"--- {tokens} tokens in {seconds:.1f} s: {tokens / seconds:.0f} tokens/s", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sampler", description="Try a model by hand; `serve` first: over HTTP."
    )
    parser.add_argument("--model", required=True, help="a checkpoint's directory")
    parser.add_argument("--prompt", required=True, help="what the user says")
    parser.add_argument("-k", "--completions", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.getrandbits(31), help="default: a new one each time")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--max-new-tokens", type=int, default=128)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, …")
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"])
    return parser


if __name__ == "__main__":
    sys.exit(main())
