"""One step's tokens of all live rows, each by its own settings and seed."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sampler.protocol import SampleRequest
from sampler.seeded_draw import draw_tokens, keep_nucleus

_IN_CACHE = 2**19
"""Logits: a processor goes over the weights of so many a few times where they still lie in its cache."""


class Draw:
    """Draws a token of each live row, by the request that the row is of. Made anew when rows come or go."""

    def __init__(
        self, requests: Sequence[SampleRequest], *, vocabulary: int, end_tokens: Tensor, device: torch.device
    ) -> None:
        rows = len(requests) if device.type == "cuda" else max(1, _IN_CACHE // vocabulary)
        self._blocks = [
            _Block(requests[at : at + rows], end_tokens=end_tokens, device=device)
            for at in range(0, len(requests), rows)
        ]
        self._rows = rows
        self._most_likeliest = max(request.likeliest for request in requests)

    def __call__(self, logits: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor]:
        """[rows, vocabulary] and float64 [rows] in [0, 1) → tokens int64 [rows], and their log-probabilities float32
        under the model as it is: temperature 1, nothing added, nothing filtered."""
        of_blocks = zip(self._blocks, torch.split(logits, self._rows), torch.split(uniforms, self._rows), strict=True)
        tokens, log_probs = zip(*(block(scores, drawn) for block, scores, drawn in of_blocks), strict=True)
        return torch.cat(tokens), torch.cat(log_probs)

    def likeliest(self, logits: Tensor) -> tuple[Tensor, Tensor] | None:
        """The tokens that the model finds likeliest, int64 [rows, most that a row asks for], likeliest first, and their
        log-probabilities under the model as it is. None, at no cost, where no row asks."""
        if not self._most_likeliest:
            return None
        logits = logits.float()
        highest = logits.topk(min(self._most_likeliest, logits.shape[-1]))
        return highest.indices, highest.values - logits.logsumexp(dim=-1, keepdim=True)


class _Block:
    """Rows whose weights are made together, and their settings as tensors."""

    def __init__(self, requests: Sequence[SampleRequest], *, end_tokens: Tensor, device: torch.device) -> None:
        def column(values: Sequence[float], dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.tensor(values, dtype=dtype, device=device)[:, None]

        temperatures = column([request.temperature for request in requests])
        self._greedy = temperatures[:, 0] == 0
        self._any_greedy = bool(self._greedy.any())
        self._divisors = temperatures.masked_fill(temperatures == 0, 1.0)
        self._any_divided = bool((self._divisors != 1).any())
        self._top_ps = column([request.top_p for request in requests])[:, 0]
        self._any_nucleus = bool((self._top_ps < 1).any())
        self._top_ks = [request.top_k for request in requests]
        self._min_ps = column([request.min_p for request in requests])
        self._any_min_p = bool((self._min_ps > 0).any())
        self._end_logits = column([request.end_logit for request in requests])
        self._any_end_logit = bool((self._end_logits != 0).any()) and len(end_tokens) > 0
        self._end_tokens = end_tokens

    def __call__(self, logits: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor]:
        untempered = logits.to(torch.float32, copy=True)  # [rows, vocabulary]
        likeliest = untempered.amax(dim=-1, keepdim=True)
        untempered.sub_(likeliest).exp_()
        scores = self._with_end_logits(logits.float()) if self._any_end_logit else logits
        if self._any_divided or self._any_end_logit:
            scores = scores.float()
            weights = (scores - scores.amax(dim=-1, keepdim=True)).div_(self._divisors).exp_()
        else:
            weights = untempered
        weights = self._filtered(weights)
        tokens = draw_tokens(weights, uniforms)
        if self._any_greedy:
            tokens = torch.where(self._greedy, scores.argmax(dim=-1), tokens)
        chosen = logits.gather(1, tokens[:, None]).float() - likeliest
        return tokens, (chosen - untempered.sum(dim=-1, keepdim=True).log())[:, 0]

    def _with_end_logits(self, logits: Tensor) -> Tensor:
        added = self._end_logits.expand(-1, len(self._end_tokens))
        return logits.index_add(1, self._end_tokens, added)

    def _filtered(self, weights: Tensor) -> Tensor:
        """top_k, then top_p of what is left, then min_p: transformers' order."""
        most = max(self._top_ks)
        if most:
            kept = min(most, weights.shape[-1])
            highest = weights.topk(kept).values  # [rows, kept]
            places = torch.tensor([(k or kept) - 1 for k in self._top_ks], device=weights.device).clamp(max=kept - 1)
            lowest = highest.gather(1, places[:, None])
            limited = torch.tensor([k > 0 for k in self._top_ks], device=weights.device)[:, None]
            weights = weights.masked_fill((weights < lowest) & limited, 0.0)
        if self._any_nucleus:
            weights = keep_nucleus(weights, self._top_ps)
        if self._any_min_p:
            weights = weights.masked_fill(weights < self._min_ps * weights.amax(dim=-1, keepdim=True), 0.0)
        return weights
