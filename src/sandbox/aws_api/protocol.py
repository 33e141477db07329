"""The AWS wire protocols: moto reads a request as an operation's parameters, and writes its result or error.

https://smithy.io/2.0/aws/protocols/index.html
"""

import json
import re
import uuid
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from gzip import GzipFile
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from botocore.loaders import create_loader
from botocore.serialize import create_serializer
from botocore.utils import parse_timestamp
from botocore.validate import ParamValidator
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import JSONSerializer, QuerySerializer, RestJSONSerializer, SerializationContext

from sandbox.aws_api.contract import ApiError, Operations, not_supported

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
BODY_LIMIT_BYTES = 1024 * 1024
# moto's parser looks through all fields for each member.
_MOST_FIELDS = 5000
_SERIALIZERS = {"json": JSONSerializer, "query": QuerySerializer, "rest-json": RestJSONSerializer}
# botocore's name of a service, by the name that requests are signed for.
_SERVICES = {"monitoring": "cloudwatch", "logs": "logs", "xray": "xray", "cloudformation": "cloudformation"}
# The probe's curl and older clients send forms to CloudWatch; boto3 1.44 and the AWS CLI 1.46 send JSON.
# CloudFormation takes nothing else.
_FORM = "application/x-www-form-urlencoded"
# What XML cannot hold (https://www.w3.org/TR/xml/#charsets): an error may quote it from the request.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def answer(service: str, operations: Operations, request: web.Request, body: bytes) -> web.Response:
    """Let an operation answer a request; return its result in the request's protocol.

    Args:
        service: the name that the request is signed for, such as `monitoring`.
        operations: what there is of the service.
        request: its head.
        body: its body as it came, compressed or not.

    Raises:
        ApiError: the request makes no sense, asks for what is not there, or the operation refuses it.
    """
    model = _model(service, request)
    if "Smithy-Protocol" in request.headers:
        raise not_supported(f"the protocol {request.headers['Smithy-Protocol']}: use the JSON or the query protocol")
    if model.protocol == "query" and service not in ("monitoring", "cloudformation"):
        raise not_supported(f"the query protocol of {service}")
    body = _decompressed(body, request.headers.get("Content-Encoding"))
    parameters = _form(body) if model.protocol == "query" else _json(body)
    name = _operation_name(model, request, parameters)
    if name not in operations:
        raise not_supported(f"{name[:200]} of {model.metadata['serviceFullName']}")
    operation = model.operation_model(name)
    return _response(operation, operations[name](_parsed(operation, parameters)))


def error_response(service: str | None, request: web.Request, error: ApiError) -> web.Response:
    """Return the answer that an AWS client reads as this error; the service is None where the request hides it."""
    model = _model(service, request)
    # moto asks for an operation, though the errors of all look the same.
    response = _response(model.operation_model(model.operation_names[0]), error)
    response.set_status(error.status)
    return response


def _response(operation: OperationModel, result: dict[str, Any] | ApiError) -> web.Response:
    request_id = str(uuid.uuid4())
    serializer: Any = _SERIALIZERS[operation.service_model.protocol](operation, SerializationContext(request_id))
    written = serializer.serialize(result)
    body = _UNWRITABLE.sub("\ufffd", written["body"]).encode()
    return web.Response(body=body, headers={**written["headers"], "x-amzn-requestid": request_id})


def _model(service: str | None, request: web.Request) -> ServiceModel:
    """Return the model of the service in the protocol that the request speaks; of another service, one like it."""
    name = _SERVICES.get(service or "", "logs")
    if name == "cloudformation":
        return _service_model(name, "query")
    if request.content_type == _FORM:
        return _service_model("cloudwatch", "query")
    return _service_model(name, "rest-json" if name == "xray" else "json")


@cache
def _service_model(name: str, protocol: str) -> ServiceModel:
    """Return botocore's model with this protocol as its only one: moto goes by what stands there."""
    description = create_loader().load_service_model(name, "service-2")
    metadata = {**description["metadata"], "protocol": protocol}
    # With it, moto warns of every error that the model lacks, such as NotImplementedException.
    del metadata["serviceId"]
    return ServiceModel({**description, "metadata": metadata}, name)


def _decompressed(body: bytes, encoding: str | None) -> bytes:
    if encoding not in (None, "gzip"):
        raise not_supported(f"the content encoding {encoding}: use gzip or none")
    if encoding:
        try:
            body = GzipFile(fileobj=BytesIO(body)).read(BODY_LIMIT_BYTES + 1)
        except (EOFError, OSError, zlib.error) as error:
            raise _unreadable(error) from None
    if len(body) > BODY_LIMIT_BYTES:
        raise ApiError("RequestEntityTooLargeException", f"The body is larger than {BODY_LIMIT_BYTES} bytes.", 413)
    return body


def _form(body: bytes) -> dict[str, str]:
    if body.count(b"&") >= _MOST_FIELDS:
        raise ApiError("ValidationError", f"The form has more than {_MOST_FIELDS} fields: send them in several.")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    except ValueError as error:
        raise _unreadable(error) from None


def _json(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise _unreadable(error) from None


def _operation_name(model: ServiceModel, request: web.Request, parameters: Mapping[str, str]) -> str:
    """Return the operation's name, or what stands in its place in a request that names none of the service's."""
    if model.protocol == "query":
        return parameters.get("Action", "a request without Action")
    if model.protocol == "json":
        target = request.headers.get("X-Amz-Target", "a request without X-Amz-Target")
        return target.removeprefix(f"{model.metadata['targetPrefix']}.")
    return _routes(model).get((request.method, request.path), f"{request.method} {request.path}")


@cache
def _routes(model: ServiceModel) -> Mapping[tuple[str, str], str]:
    """Return operations by method and path; the paths of X-Ray's API hold no parameters."""
    https = {name: model.operation_model(name).http for name in model.operation_names}
    return {(http["method"], http["requestUri"]): name for name, http in https.items()}


def _parsed(operation: OperationModel, parameters: Any) -> dict[str, Any]:
    """Return an operation's parameters in its input shape, as botocore's own validation finds them right."""
    protocol = operation.service_model.protocol
    parser: Any = PROTOCOL_PARSERS[protocol](operation, timestamp_parser=_utc)
    source = {"body": json.dumps(parameters), "values": parameters, "headers": {}, "url_params": {}}
    parsed: dict[str, Any]
    try:
        if protocol == "query":
            parsed = parser.parse(source)
            _validate(operation, parsed)
            _refuse_unknown(operation, parameters, parsed)
        else:
            # Before moto reads them: it would take a string for the list of its characters.
            _validate(operation, parameters)
            parsed = parser.parse(source)
    except (ValueError, OverflowError, RuntimeError) as error:  # botocore has one of them for each impossible time
        raise _unreadable(error) from None
    return parsed


def _validate(operation: OperationModel, parameters: object) -> None:
    report = ParamValidator().validate(parameters, operation.input_shape)
    if report.has_errors():
        raise ApiError("ValidationError", report.generate_report())


def _refuse_unknown(operation: OperationModel, form: Mapping[str, str], parsed: object) -> None:
    """Find what moto did not read by writing again what it did; in JSON, `_validate` finds it."""
    read = create_serializer("query").serialize_to_request(parsed, operation)["body"]
    if unknown := sorted(form.keys() - read.keys()):
        raise ApiError("ValidationError", f"Unknown parameter in input: {', '.join(unknown)[:200]}")


def _utc(value: str | float) -> datetime:
    moment: datetime = parse_timestamp(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _unreadable(error: Exception) -> ApiError:
    return ApiError("SerializationException", f"The request cannot be read: {error}")
