"""The one exception for bad input."""


class InputError(ValueError):
    """Something a user gave is wrong: the message names what, where, and what would be right."""
