"""Versions of instructions and rubrics. Their rows never change (a trigger refuses), so each process reads one once."""

from functools import lru_cache

from labeling.models import InstructionVersion, RubricVersion

KEPT = 256


@lru_cache(maxsize=KEPT)
def instruction_version(pk: int) -> InstructionVersion:
    return InstructionVersion.objects.get(pk=pk)


@lru_cache(maxsize=KEPT)
def rubric_version(pk: int) -> RubricVersion:
    return RubricVersion.objects.get(pk=pk)
