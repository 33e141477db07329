"""The errors that Bedrock's runtime sends, over HTTP or inside a stream, and their names in a script."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceError:
    """One error as the service sends it.

    Attributes:
        code: the name of its shape in botocore's service model, such as `ThrottlingException`.
        status: the HTTP status that the service model gives to it.
        message: the text for people.
    """

    code: str
    status: int
    message: str

    @property
    def body(self) -> dict[str, str]:
        """The JSON object that carries the error, the same over HTTP and in a stream."""
        return {"message": self.message}

    @property
    def event_type(self) -> str:
        """The name of the error as a member of an event stream: the shape's name with a small first letter."""
        return self.code[0].lower() + self.code[1:]


class RefusedError(Exception):
    """Bedrock answers the request with an error over HTTP, before any event."""

    def __init__(self, error: ServiceError) -> None:
        super().__init__(error.message)
        self.error = error


def invalid(message: str) -> RefusedError:
    """Return the refusal of a request that is not valid: ValidationException, 400."""
    return RefusedError(ServiceError("ValidationException", 400, message))


_FAULTS: Mapping[str, ServiceError] = {
    "throttling": ServiceError("ThrottlingException", 429, "Too many requests, please wait before trying again."),
    "validation": ServiceError("ValidationException", 400, "The scripted model refuses this request."),
    "access_denied": ServiceError(
        "AccessDeniedException", 403, "You don't have access to the model with the specified model ID."
    ),
    "not_found": ServiceError("ResourceNotFoundException", 404, "This model version has reached the end of its life."),
    "quota": ServiceError(
        "ServiceQuotaExceededException", 400, "Your request exceeds the service quota for your account."
    ),
    "model_not_ready": ServiceError(
        "ModelNotReadyException", 429, "Model is not ready for inference, please try again."
    ),
    "model_timeout": ServiceError("ModelTimeoutException", 408, "Model has timed out in processing the request."),
    "model_error": ServiceError(
        "ModelErrorException", 424, "The model returned an error while processing the request."
    ),
    "model_stream_error": ServiceError(
        "ModelStreamErrorException", 424, "The model returned an error while streaming its answer."
    ),
    "internal": ServiceError(
        "InternalServerException",
        500,
        "The system encountered an unexpected error during processing. Try your request again.",
    ),
    "unavailable": ServiceError(
        "ServiceUnavailableException",
        503,
        "The service is temporarily unable to handle the request. Try your request again.",
    ),
}

HTTP_FAULTS = {name: error for name, error in _FAULTS.items() if name != "model_stream_error"}
"""What `fault=NAME` sends in place of an answer."""

STREAM_FAULTS = {
    name: _FAULTS[name]
    for name in ("throttling", "validation", "internal", "unavailable", "model_stream_error", "model_timeout")
}
"""What `fault=NAME:AFTER` sends as an exception event."""
