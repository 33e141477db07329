"""An `ApiError` as an HTTP response: XML for a request of the query protocol, JSON for every other.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization
https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html#operation-error-serialization
"""

import uuid
from xml.sax.saxutils import escape

from aiohttp import web

from sandbox.aws_api.contract import ApiError
from sandbox.signing.signed import SERVICE


def error_response(request: web.Request, error: ApiError) -> web.Response:
    """Return the answer that an AWS client reads as this error."""
    request_id = str(uuid.uuid4())
    fault = "Sender" if error.status < 500 else "Receiver"
    headers = {"x-amzn-requestid": request_id}
    if request.content_type == "application/x-www-form-urlencoded" or "Action" in request.query:
        texts = {"Type": fault, "Code": error.code, "Message": str(error)}
        elements = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in texts.items())
        body = f"<ErrorResponse><Error>{elements}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        return web.Response(status=error.status, text=body, content_type="text/xml", headers=headers)
    headers["x-amzn-errortype"] = error.code
    if request.get(SERVICE) == "monitoring":
        # CloudWatch's clients knew the query protocol before they knew JSON, and still look for its error codes.
        headers["x-amzn-query-error"] = f"{error.code};{fault}"
    return web.json_response({"__type": error.code, "message": str(error)}, status=error.status, headers=headers)
