"""How long before Lambda's timeout work ends, so that what is left can be said and recorded: one rule for all."""


def margin_seconds(seconds: float) -> float:
    """Returns how long before the timeout a handler should be over.

    Async handlers are cancelled then, and a write that the client does not take is given up. Last words that a handler
    writes after that have half of what is left.

    Args:
        seconds: until the timeout. Of a short time only a fifth is kept back.
    """
    return min(1.0, seconds / 5)
