"""A SentencePiece vocabulary out of a GGUF file, written as a `tokenizer.json`."""

from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors
from transformers import PreTrainedTokenizerFast

from sampler.gguf_file import GgufFile

END_OF_TURN = "<end_of_turn>"
# Token types of llama.cpp's `llama_token_type`.
_CONTROL, _USER_DEFINED = 3, 4
_ROLES = ("bos", "eos", "unknown", "padding")


def write_tokenizer(gguf: GgufFile, directory: Path) -> int:
    """Write the tokenizer's files into `directory` and return the id of <end_of_turn>."""
    pieces: list[str] = gguf.metadata["tokenizer.ggml.tokens"]
    bos, eos, unknown, padding = (pieces[gguf.metadata[f"tokenizer.ggml.{role}_token_id"]] for role in _ROLES)
    backend = _byte_pair_encoder(gguf, pieces, unknown)
    bos_id: int = gguf.metadata["tokenizer.ggml.bos_token_id"]
    backend.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos}:1 $B:1", special_tokens=[(bos, bos_id)]
    )
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend,
        bos_token=bos,
        eos_token=eos,
        unk_token=unknown,
        pad_token=padding,
        model_max_length=gguf.metadata["gemma3.context_length"],
        clean_up_tokenization_spaces=False,
    ).save_pretrained(directory)
    return pieces.index(END_OF_TURN)


def _byte_pair_encoder(gguf: GgufFile, pieces: list[str], unknown: str) -> Tokenizer:
    """Spaces become ▁, characters outside the vocabulary become their bytes, as SentencePiece does it for Gemma."""
    backend = Tokenizer(
        models.BPE(
            vocab={piece: token for token, piece in enumerate(pieces)},
            merges=merges(pieces, gguf.metadata["tokenizer.ggml.scores"].tolist()),
            unk_token=unknown,
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    types = gguf.metadata["tokenizer.ggml.token_type"].tolist()
    backend.add_tokens(
        [
            AddedToken(piece, special=kind == _CONTROL, normalized=False)
            for piece, kind in zip(pieces, types, strict=True)
            if kind in (_CONTROL, _USER_DEFINED)
        ]
    )
    return backend


def merges(pieces: list[str], scores: list[float]) -> list[tuple[str, str]]:
    """The pairs of pieces that join to a piece of the vocabulary, the best-scored piece first.

    SentencePiece stores no merges: it always joins the pair that makes the best-scored piece.
    """
    known = set(pieces)
    splits = [
        (-score, piece[:cut], piece[cut:])
        for piece, score in zip(pieces, scores, strict=True)
        for cut in range(1, len(piece))
        if piece[:cut] in known and piece[cut:] in known
    ]
    splits.sort(key=lambda split: split[0])
    return [(left, right) for _, left, right in splits]
