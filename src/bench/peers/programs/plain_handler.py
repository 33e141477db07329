"""The function on AWS's own Python client, which does not stream: returns at once."""


def handler(_event: object, _context: object) -> str:
    """Return a text."""
    return "x"
