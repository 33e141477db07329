"""What a user may choose beside the prompt: a model of the stack, and a fault that the sandbox's models play."""

import json
from collections.abc import Sequence

from console.source import Source

EXAMPLE = "In three sentences: why is the sky blue?"


def models(source: Source) -> list[str]:
    """Return the ids of the models that the stack's dashboard offers, the default first; none if it names none.

    A stack without them has another function than src/function: it knows no models, and records no responses.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: CloudWatch cannot be asked.
    """
    for entry in source.cloudwatch.list_dashboards(DashboardNamePrefix=source.prefix)["DashboardEntries"]:
        body = json.loads(source.cloudwatch.get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"])
        for variable in body.get("variables", []):
            if variable.get("id") == "model":
                return [value["value"] for value in variable.get("values", [])]
    return []


def faults(chosen: Sequence[str]) -> dict[str, str]:
    """Return what may go wrong, as directives of the sandbox and their names in the form, the empty one first.

    Args:
        chosen: the models; with a second one, the fallback can be seen.
    """
    first = {"fault=throttling for=" + chosen[0]: "the first model is throttled"} if len(chosen) > 1 else {}
    return {
        "": "none",
        "stall=20:1500": "a pause of 1.5 s after 20 chunks",
        **first,
        "fault=throttling": "throttling",
        "fault=access_denied": "access denied",
        "fault=model_error": "the model fails",
        "fault=unavailable": "Bedrock is unavailable",
        "fault=internal:5": "an internal error after 5 chunks",
        "fault=drop:5": "the connection drops after 5 chunks",
        "fault=silent:5": "silence after 5 chunks",
    }


def fields(prompt: str, model: str | None, directive: str) -> dict[str, str]:
    """Return the request's JSON object."""
    told = f"[[sandbox: {directive}]] {prompt}" if directive else prompt
    return {"prompt": told, **({"model": model} if model else {})}
