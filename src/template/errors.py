"""What can be wrong with a template or its parameters; a message is one line: what is wrong and what to do."""


class TemplateError(Exception):
    """The template cannot be read, or says something that this project does not support."""


class ParameterError(Exception):
    """The values that were given do not fit the template's parameters."""
