"""The one error that ends the probe before a request is made."""


class UsageError(Exception):
    """The probe cannot start as it was called; the message says what to change."""
