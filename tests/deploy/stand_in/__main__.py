"""Runs moto's server, with a CloudFormation of its own and what else moto lacks, until its standard input ends.

Prints its port. It listens on 127.0.0.1 only. It needs the SAM CLI's packages, which have AWS's translator of SAM.
"""

import logging
import sys
import threading
from typing import Any

from flask import Flask
from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import (
    HTTP_METHODS,
    BackendRequest,
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from .cloudformation import CloudFormation
from .completed import complete_moto
from .lacking import ApplicationSignals, Service, XRay


class Server(DomainDispatcherApplication):
    """moto's server but for the services that are not moto's own."""

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        self._own = {service.name: _app(service) for service in (ApplicationSignals, CloudFormation, XRay)}

    def get_application(self, environ: dict[str, Any]) -> Flask:
        """Return what answers a request, by the service that its signature is for."""
        # AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, ...
        scope = environ.get("HTTP_AUTHORIZATION", "").partition(",")[0].split("/")
        if len(scope) > 1 and scope[-2] in self._own:
            return self._own[scope[-2]]
        return super().get_application(environ)


def _app(service: type[Service]) -> Flask:
    app = Flask(service.name)
    app.request_class = BackendRequest
    answer = convert_to_flask_response(service.dispatch)
    for rule in ("/", "/<path:path>"):
        app.add_url_rule(rule, endpoint=rule, view_func=answer, methods=HTTP_METHODS)
    return app


def main() -> None:
    """Serve until standard input ends."""
    # Each request, and what AWS's translator says about telemetry of its own.
    logging.disable(logging.WARNING)
    complete_moto()
    server = make_server("127.0.0.1", 0, Server(), threaded=True, request_handler=MotoRequestHandler)
    # moto and the SAM CLI take the name, and not the address, for an endpoint that has buckets in its path.
    CloudFormation.endpoint = f"http://localhost:{server.port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.port, flush=True)
    sys.stdin.read()


main()
