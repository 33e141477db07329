"""The two ways in which the sandbox refuses to start; a message is one line: what is wrong and what to do."""


class UsageError(Exception):
    """The command line asks for something that makes no sense (exit code 2)."""


class StartError(Exception):
    """The command line is fine, but what it names is not: a file, a port, a template (exit code 1)."""
