"""The two ways in which a command ends early; both carry one plain sentence for a person."""


class Refused(Exception):
    """The input can't be used as it is: the message says what, where and what to do. Exit status 2."""


class Failed(Exception):
    """The input was fine and the work went wrong (a loss that isn't a number, a full disk). Exit status 1."""


class Terminated(BaseException):
    """SIGTERM arrived. A BaseException, so that nothing on the way swallows it. Exit status 143."""
