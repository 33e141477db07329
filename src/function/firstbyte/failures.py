"""The table of everything that can keep an answer from a client, and the sorting of Bedrock's errors into it.

An error is sorted by its code and never by its words, which change.
"""

import re
import traceback
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from botocore.eventstream import ParserError as EventStreamParserError
from botocore.exceptions import ClientError, HTTPClientError, NoCredentialsError, ReadTimeoutError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError as Urllib3Error
from urllib3.exceptions import ReadTimeoutError as Urllib3ReadTimeoutError

from firstbyte.model_events import ErrorReport

# A call to Bedrock or a read from its stream raises these when the model, the network or the permissions are at fault.
# An open stream raises urllib3's own exceptions: botocore wraps them only for calls and for plain streaming bodies.
# botocore's other exceptions, such as a refused parameter, are mistakes of this function and no failures of a model.
_MODEL_EXCEPTIONS = (
    ClientError,
    NoConnectionError,
    HTTPClientError,
    NoCredentialsError,
    EventStreamParserError,
    ResponseParserError,
    Urllib3Error,
    OSError,
)
# The parts of botocore that read an answer.
_PARSERS = {"botocore.parsers", "botocore.eventstream"}


class ErrorType(StrEnum):
    """The `type` of an error, in a JSON error body and in an `error` event."""

    INVALID_REQUEST = "invalid_request"
    ACCESS_DENIED = "access_denied"
    REJECTED = "rejected"
    THROTTLED = "throttled"
    MODEL_ERROR = "model_error"
    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_TIMEOUT = "model_timeout"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    CLIENT_STALLED = "client_stalled"
    INTERNAL = "internal"


# HTTP status; whether the same request may succeed later; what the client is told when nothing more is known.
_TABLE: dict[ErrorType, tuple[int, bool, str]] = {
    ErrorType.INVALID_REQUEST: (400, False, "The request is not valid."),
    ErrorType.ACCESS_DENIED: (403, False, "Bedrock denied access to this model."),
    ErrorType.REJECTED: (502, False, "Bedrock refused the request."),
    ErrorType.THROTTLED: (429, True, "Bedrock throttled the request; try again later."),
    ErrorType.MODEL_ERROR: (502, True, "Bedrock reported an error."),
    ErrorType.MODEL_UNAVAILABLE: (503, True, "The model is not available at the moment; try again later."),
    ErrorType.MODEL_TIMEOUT: (504, True, "The model took too long to answer."),
    ErrorType.DEADLINE_EXCEEDED: (504, True, "The answer was not finished within the function's time limit."),
    # For the records alone: this client takes nothing, so nobody can tell it.
    ErrorType.CLIENT_STALLED: (408, True, "The client did not take the answer in time."),
    ErrorType.INTERNAL: (502, False, "The function failed."),
}

# Seconds for `retry-after`. Bedrock's quotas refill all the time, and a model that is still loading says so again.
RETRY_AFTER_SECONDS = 1
_WORTH_WAITING_FOR = {ErrorType.THROTTLED, ErrorType.MODEL_UNAVAILABLE}


class Failure(NamedTuple):
    """Why a client gets no answer, or only a part of it.

    Attributes:
        type: the row of the table.
        status: the HTTP status, if it can still be sent; the trace has it, too.
        retryable: whether the same request may succeed later.
        message: for the client; it never holds a prompt, an ARN or an account id.
        field: the field of the request that is at fault, for `invalid_request`.
        code: what Bedrock, botocore or urllib3 called it. An unknown code is as little to be trusted as `detail`.
        detail: their words. They may quote prompt and answer: `redaction` cleans both for the log.
        place: where in the code a bug showed itself. Then `code` is the type of the exception.
        model_id: the model that failed, if one was asked.
    """

    type: ErrorType
    status: int
    retryable: bool
    message: str
    field: str | None = None
    code: str | None = None
    detail: str | None = None
    place: str | None = None
    model_id: str | None = None

    @classmethod
    def of(
        cls,
        error_type: ErrorType,
        message: str | None = None,
        *,
        status: int | None = None,
        retryable: bool | None = None,
        field: str | None = None,
        code: str | None = None,
        detail: str | None = None,
        place: str | None = None,
        model_id: str | None = None,
    ) -> "Failure":
        """Return a failure with the values of its row. An argument that is not None replaces the row's value."""
        row_status, row_retryable, row_message = _TABLE[error_type]
        return cls(
            type=error_type,
            status=row_status if status is None else status,
            retryable=row_retryable if retryable is None else retryable,
            message=message or row_message,
            field=field,
            code=code,
            detail=detail,
            place=place,
            model_id=model_id,
        )

    @property
    def retry_after_seconds(self) -> int | None:
        """Seconds for a `retry-after` header; None if waiting does not help."""
        return RETRY_AFTER_SECONDS if self.type in _WORTH_WAITING_FOR else None

    @property
    def another_model_may_help(self) -> bool:
        """Whether to ask another model after this failure of one.

        Bedrock refuses a bad request and a bad configuration with the same codes, so only the clock is told apart.
        """
        return self.type is not ErrorType.DEADLINE_EXCEEDED


class RequestError(Exception):
    """The answer cannot be given or cannot be finished; `failure` says why.

    Its text is a sentence of this module's. Lambda logs the text of an exception that leaves the handler, and gives it
    to callers of InvokeWithResponseStream. Bedrock's words, even a code, may quote the request.
    """

    def __init__(self, failure: Failure, request_id: str | None = None) -> None:
        sentence = _TABLE[failure.type][2]
        super().__init__(f"{failure.type}: {sentence}{f' Request {request_id}.' if request_id else ''}")
        self.failure = failure


# The error codes of InvokeModelWithResponseStream and ConverseStream, and those that any AWS service may answer with.
# Inside a stream the same codes may begin with a small letter.
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
# https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
_TYPE_OF_CODE = {
    "ValidationException": ErrorType.INVALID_REQUEST,
    "AccessDeniedException": ErrorType.ACCESS_DENIED,
    "ExpiredTokenException": ErrorType.ACCESS_DENIED,
    "IncompleteSignature": ErrorType.ACCESS_DENIED,
    "InvalidSignatureException": ErrorType.ACCESS_DENIED,
    "NotAuthorized": ErrorType.ACCESS_DENIED,
    "OptInRequired": ErrorType.ACCESS_DENIED,
    "UnrecognizedClientException": ErrorType.ACCESS_DENIED,
    "ThrottlingException": ErrorType.THROTTLED,
    "TooManyRequestsException": ErrorType.THROTTLED,
    "ServiceQuotaExceededException": ErrorType.THROTTLED,
    "ModelNotReadyException": ErrorType.MODEL_UNAVAILABLE,
    "ServiceUnavailableException": ErrorType.MODEL_UNAVAILABLE,
    "ModelTimeoutException": ErrorType.MODEL_TIMEOUT,
    "ModelErrorException": ErrorType.MODEL_ERROR,
    "ModelStreamErrorException": ErrorType.MODEL_ERROR,
    "InternalServerException": ErrorType.MODEL_ERROR,
    "ResourceNotFoundException": ErrorType.REJECTED,
}
# For codes that are not in the table above: the status of the answer, or a code inside the stream that is a status.
_TYPE_OF_STATUS = {
    400: ErrorType.INVALID_REQUEST,
    401: ErrorType.ACCESS_DENIED,
    402: ErrorType.ACCESS_DENIED,
    403: ErrorType.ACCESS_DENIED,
    408: ErrorType.MODEL_TIMEOUT,
    413: ErrorType.INVALID_REQUEST,
    422: ErrorType.INVALID_REQUEST,
    424: ErrorType.MODEL_ERROR,
    429: ErrorType.THROTTLED,
    503: ErrorType.MODEL_UNAVAILABLE,
    504: ErrorType.MODEL_TIMEOUT,
    529: ErrorType.MODEL_UNAVAILABLE,  # Anthropic's own, for overloaded_error
}
# For all other codes: what the models' makers call their errors inside a stream. Compared without case and separators.
# https://docs.claude.com/en/api/errors, https://platform.openai.com/docs/guides/error-codes
_TYPE_OF_STEM = (
    ("ratelimit|throttl|quota|toomany|exhausted", ErrorType.THROTTLED),
    ("overload|unavailable|capacity", ErrorType.MODEL_UNAVAILABLE),
    ("timeout|timedout|deadline", ErrorType.MODEL_TIMEOUT),
    ("auth|permission|denied|forbidden|apikey|billing", ErrorType.ACCESS_DENIED),
    ("notfound", ErrorType.REJECTED),
    ("invalid|validation|badrequest|toolarge|toolong|contextlength", ErrorType.INVALID_REQUEST),
)
KNOWN_CODES = frozenset(_TYPE_OF_CODE)
# A name for an error. What has spaces or is longer is a sentence, which may quote the request, and tells no type.
_CODE = r"[A-Za-z0-9_.:#-]{1,100}"


def is_of_the_model(error: Exception) -> bool:
    """Return whether a call to Bedrock, or a read from its stream, failed through no mistake of this function.

    botocore's parsers raise Python's own exceptions when an answer does not fit the service model, such as null for an
    object, or when it is nested too deeply.
    """
    if isinstance(error, _MODEL_EXCEPTIONS):
        return True
    modules = (frame.f_globals.get("__name__") for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(module in _PARSERS for module in modules)


def failure_of(error: Exception, model_id: str) -> Failure:
    """Return the failure that an exception stands for which `is_of_the_model`.

    Args:
        error: what the call, or reading its stream, raised.
        model_id: the model that was asked.
    """
    if isinstance(error, ClientError):
        return _failure_of_answer(error, model_id)
    error_type, message = ErrorType.MODEL_ERROR, "The model's answer broke off or could not be read."
    if isinstance(error, NoCredentialsError):
        error_type, message = ErrorType.ACCESS_DENIED, "The function has no credentials for Bedrock."
    elif isinstance(error, ReadTimeoutError | Urllib3ReadTimeoutError):
        error_type, message = ErrorType.MODEL_TIMEOUT, ""
    elif isinstance(error, NoConnectionError | HTTPClientError):
        error_type, message = ErrorType.MODEL_UNAVAILABLE, ""
    return Failure.of(error_type, message, code=type(error).__name__, detail=str(error), model_id=model_id)


def failure_of_report(report: ErrorReport, model_id: str) -> Failure:
    """Return the failure that an error among the chunks of a stream stands for.

    Args:
        report: what the stream says.
        model_id: the model that was asked.
    """
    return _failure(report.codes, 0, report.words, model_id)


def _failure_of_answer(error: ClientError, model_id: str) -> Failure:
    answer = error.response.get("Error", {})
    # Inside a stream there is no status. An exception that botocore does not know has neither code nor words there.
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _failure([str(answer.get("Code") or "")], status, str(answer.get("Message") or ""), model_id)


def _failure(codes: Iterable[str], status: int, words: str, model_id: str) -> Failure:
    codes = [code for code in codes if re.fullmatch(_CODE, code)]
    codes = [f"{code[0].upper()}{code[1:]}" if code.endswith("Exception") else code for code in codes]
    error_type = _type_of(codes, status)
    message = None
    if error_type is ErrorType.INVALID_REQUEST:
        # Bedrock says what is wrong with a request better than this function could. Other words are for the operator.
        from firstbyte.identifiers import without_identifiers  # only after a failure: it is slow to import

        message = without_identifiers(words)
    return Failure.of(error_type, message, code=" ".join(codes) or None, detail=words or None, model_id=model_id)


def _type_of(codes: list[str], status: int) -> ErrorType:
    for code in codes:
        if found := _TYPE_OF_CODE.get(code):
            return found
    for number in (status, *(int(code) for code in codes if code.isdigit())):
        if number >= 400:
            return _TYPE_OF_STATUS.get(number) or (ErrorType.REJECTED if number < 500 else ErrorType.MODEL_ERROR)
    for code in codes:
        plain = re.sub(r"[\W_]", "", code).lower()
        for stem, error_type in _TYPE_OF_STEM:
            if re.search(stem, plain):
                return error_type
    return ErrorType.MODEL_ERROR
