"""How work with a model ends early. Every message is a plain sentence for a person: what, where, and what to do."""


class Refused(Exception):
    """The input can't be used as it is. Exit status 2."""


class UnusableModel(Refused):
    """The directory or id can't be loaded as a model."""


class UnusablePrompt(Refused):
    """The model can't continue this conversation, however often it is asked."""


class RefusedByTemplate(UnusablePrompt):
    """The model's own chat template does not take the conversation: no system message, roles that must alternate, …"""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The model's chat template refuses the conversation: {reason}")


class Failed(Exception):
    """The input was fine and the work went wrong (a loss that isn't a number, a full disk). Exit status 1."""


class Terminated(BaseException):
    """SIGTERM arrived. A BaseException, so that nothing on the way swallows it. Exit status 143."""
