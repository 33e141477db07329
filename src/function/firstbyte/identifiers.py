"""Takes out of Bedrock's words what no caller should see: ARNs, accounts, roles, sessions, keys, the network's names.

An identifier goes with all that stands around it up to the next space: a role's path and a session's name may hold
nearly every other character.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names
"""

import re

_STAND_IN = "[...]"
_IDENTIFIER = re.compile(
    r"""
      (?i:(?<![a-z])arn:|arn:aws)                                   # also in capitals
    | (?<![0-9])[0-9]{4}-?[0-9]{4}-?[0-9]{4}(?![0-9])               # an account, within a word, too
    | (?<![A-Z0-9])A[A-Z]{3}[A-Z0-9]{12}                            # access keys, and ids of users and roles
    | (?i:assumed-role|federated-user|instance-profile|role|user)/(?!assistant)
    | (?<![a-z])(?:vpce?|vpce-svc|subnet|eni|sg|i)-[0-9a-f]{8}      # parts of a network
    | (?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\.?[0-9])          # addresses
    | (?i:\.(?:internal|local|localdomain|vpce)(?![a-z0-9]))        # names of hosts
    | [A-Za-z0-9]@[A-Za-z0-9]                                       # people
    """,
    re.VERBOSE,
)
# A secret has a digit, a small and a capital letter; other long runs are paths or words.
_LONG = re.compile(r"[A-Za-z0-9+/=_-]{40,}")
_KINDS = tuple(map(re.compile, ("[0-9]", "[a-z]", "[A-Z]")))


def without_identifiers(words: str) -> str | None:
    """Return the words with `[...]` in place of what has an identifier; None if an escaped identifier is left.

    Args:
        words: what Bedrock says. It takes a time in proportion to their length.
    """
    from firstbyte.escapes import plain  # only after a failure: it is slow to import

    cleaned = re.sub(r"\S+", lambda token: _STAND_IN if _has_identifier(token[0]) else token[0], words)
    return None if _has_identifier(plain(cleaned)) else cleaned


def _has_identifier(text: str) -> bool:
    if _IDENTIFIER.search(text):
        return True
    return any(all(kind.search(run[0]) for kind in _KINDS) for run in _LONG.finditer(text))
