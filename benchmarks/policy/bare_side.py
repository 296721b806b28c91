"""`python -m benchmarks.policy.bare_side JSON`: a step on packed text with nothing around it. Processor seconds.

Imports nothing of ours: transformers' own model reads the rows as one, each with positions of its own, so that none
sees another; its head, the cross entropy of every token but each row's first, and the gradient.
"""

import json
import sys
import tempfile
from pathlib import Path
from time import process_time

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import get_total_norm
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.policy.shape import GAMMA, Work, write_models
from benchmarks.training.side import peak_memory


def step(work: Work, base: Path) -> dict[str, float]:
    """The second of two; loss and gradient of the first."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model.get_input_embeddings().requires_grad_(False)
    rows = [torch.tensor(tokenizer(text)["input_ids"]) for text in work.text_rows()]
    places = torch.cat([torch.arange(len(row)) for row in rows])[None]
    ids = torch.cat(rows)[None]
    next_ids = torch.cat([torch.cat([row[1:], torch.tensor([-100])]) for row in rows])

    def gradient() -> float:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=work.dtype == "bfloat16"):
            logits = model(input_ids=ids, position_ids=places, use_cache=False).logits[0]
        loss = GAMMA * cross_entropy(logits.float(), next_ids)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item() / GAMMA

    found = {"loss": gradient()}
    found["norm"] = float(get_total_norm([one.grad for one in model.parameters() if one.grad is not None]))
    model.zero_grad(set_to_none=True)
    began = process_time()
    gradient()
    return found | {"seconds": process_time() - began}


def main(given: dict[str, object]) -> None:
    work = Work(**given)  # type: ignore[arg-type]  # as asked by policy_step
    with tempfile.TemporaryDirectory() as directory:
        found = step(work, write_models(Path(directory), work.shape)[0])
    print(json.dumps(found | {"peak": peak_memory()}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
