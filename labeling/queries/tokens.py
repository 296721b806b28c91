"""How long a text is for the model that is in use."""

from labeling.models import ModelVersion
from labeling.states import ModelKind, ModelState
from sampler.model_files import UnusableModel
from sampler.prompt_tokens import count_text_tokens


def tokens_of(text: str) -> int | None:
    """In tokens of the current SFT model; None where there is none whose tokenizer lies on this machine."""
    path = (
        ModelVersion.objects.filter(kind=ModelKind.SFT, state=ModelState.CURRENT).values_list("path", flat=True).first()
    )
    if path is None:
        return None
    try:
        return count_text_tokens(path, text)
    except UnusableModel:
        return None
