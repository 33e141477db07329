"""What can be wrong with a template or its parameters; a message is one line: what is wrong and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager


class TemplateError(Exception):
    """The template cannot be read, or says something that this project does not support."""


class ParameterError(Exception):
    """The values that were given do not fit the template's parameters."""


@contextmanager
def well_formed(where: str) -> Iterator[None]:
    """Refuse a part of a template that has another shape than CloudFormation's, while the body reads it.

    Args:
        where: the part's place in the template.

    Raises:
        TemplateError: the body met a value of another type than it needs, such as a list for a text.
    """
    try:
        yield
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError, re.error) as error:
        raise TemplateError(f"{where} is not well formed: {' '.join(str(error).split())[:200]}") from error
