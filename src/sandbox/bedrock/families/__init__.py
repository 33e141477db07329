"""The registry of model families: those whose own format InvokeModelWithResponseStream speaks here.

To add a family:

1. Write a file beside this one, `families/NAME.py`. Start from the family whose stream is most like the new one.
   `Family` in `sandbox/bedrock/dialect.py` says what the file must declare: the pattern of the model ids, the schema of
   the request's body, whether the format carries text only, and the functions that read a body and write the stream.
2. Add the module to `FAMILIES` below. mypy then checks that it declares everything.

ConverseStream has one format for all models, so it answers for models of other families, too.
"""

from sandbox.bedrock.dialect import Family
from sandbox.bedrock.families import anthropic, llama, nova
from sandbox.bedrock.models import Model

FAMILIES: tuple[Family, ...] = (anthropic, nova, llama)


def family_of(model: Model) -> Family | None:
    """Return the family of a model, None if its own format is not known here."""
    return next((family for family in FAMILIES if family.MODEL_IDS.match(model.name)), None)
