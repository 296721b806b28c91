"""Instructions read."""

from labeling.models import InstructionAcknowledgement, InstructionVersion, Labeler


def acknowledge(*, labeler: Labeler, instruction_version: InstructionVersion) -> None:
    """The labeler says that they have read this version; saying it twice is saying it once."""
    InstructionAcknowledgement.objects.get_or_create(labeler=labeler, instruction_version=instruction_version)
