"""Guardrails: how a request names one. It has no effect here: the directive `guardrail` says when one intervenes.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_GuardrailStreamConfiguration.html
"""

from collections.abc import Mapping

from sandbox.bedrock.conversation import MEMBERS
from sandbox.bedrock.errors import invalid
from sandbox.bedrock.validation import check_body

_HEADERS = {
    "guardrailIdentifier": "X-Amzn-Bedrock-GuardrailIdentifier",
    "guardrailVersion": "X-Amzn-Bedrock-GuardrailVersion",
}


def check_guardrail(config: Mapping[str, str]) -> None:
    """Check a `guardrailConfig` that fits its schema. Two empty texts stand for no guardrail.

    AWS documents that a half is an error, but not its words.

    Raises:
        RefusedError: only one of identifier and version is given.
    """
    if bool(config.get("guardrailIdentifier")) != bool(config.get("guardrailVersion")):
        raise invalid("A guardrail needs both guardrailIdentifier and guardrailVersion, but one of them is missing.")


def check_guardrail_headers(headers: Mapping[str, str]) -> None:
    """Check the headers with which InvokeModelWithResponseStream names a guardrail.

    Raises:
        RefusedError: they do not have the shape that ConverseStream asks for, or only one of them is given.
    """
    config = {member: headers[name] for member, name in _HEADERS.items() if name in headers}
    if config:  # most requests name none
        check_body(config, MEMBERS["guardrailConfig"])
        check_guardrail(config)
