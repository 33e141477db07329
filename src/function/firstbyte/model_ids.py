"""Model ids: by what other names a client may call a model, and which one a client is told."""

import re

# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
_GEOGRAPHY = re.compile(r"^(?:us|us-gov|eu|apac|jp|au|ca|global)\.")


def without_geography(model_id: str) -> str:
    """Return the model's own id for an inference profile's, such as `eu.amazon.nova-lite-v1:0`; any other unchanged."""
    return _GEOGRAPHY.sub("", model_id, count=1)


def shown_name(model_id: str) -> str:
    """Return what clients are told: of an ARN the resource alone. They need not know the account's number."""
    return model_id.split(":", 5)[-1] if model_id.startswith("arn:") else model_id


def accepted_names(model_id: str) -> set[str]:
    """Return every name by which a client may call a model.

    The geography may follow from the stack's region, so a client need not know it.
    """
    return {model_id, without_geography(model_id), shown_name(model_id)}
