"""A cold start through each peer: from the process's start to GET /next, and to the first byte of a first answer."""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.peers import bedrock_stub, node
from bench.peers.deployed import (
    Form,
    bedrock_environment,
    chat_event,
    deployed,
    image,
    make_read_only,
    python_environment,
    stack_environment,
)
from bench.peers.peer_process import PROGRAMS, lambda_environment, running
from bench.peers.plan import Plan, in_turn
from bench.peers.runtime_api import RuntimeApi
from bench.peers.sample import Sample, Samples
from bench.peers.web_server import serving
from bench.progress import Told
from bench.sandbox import ROOT

PART = "start"
_STARTS_A_ROUND = 3
_PATIENCE_SECONDS = 60.0
# An answer of one text, which comes at once.
_PROMPT = bedrock_stub.prompt(1, 0)


# The environment of a runtime, for the addresses of the Runtime API and of Bedrock.
_Variables = Callable[[str, str], Mapping[str, str]]


@dataclass(frozen=True)
class _Place:
    """Where starts happen: the Runtime API, the stand-in for Bedrock, a folder for what is printed."""

    api: RuntimeApi
    bedrock: str
    folder: Path


@dataclass(frozen=True)
class _Start:
    """A way to start a peer. `once` starts it, ends it, and returns what came of it, in milliseconds since then."""

    case: str
    peer: str
    once: Callable[[_Place], Mapping[str, float]]


def measure(plan: Plan, told: Told, root: Path = ROOT) -> list[Sample]:
    """Start all peers in turn, round by round.

    Args:
        plan: how much.
        told: hears how far it is.
        root: the checkout whose stack is started.

    Raises:
        PeerError: a peer failed.
    """
    rounds = plan.rounds if plan.is_quick else plan.rounds * _STARTS_A_ROUND
    samples = Samples(PART)
    with ExitStack() as stack:
        told(f"{PART}: building what is deployed", 0, 0)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        place = _Place(stack.enter_context(RuntimeApi()), stack.enter_context(bedrock_stub.running()), folder)
        starts = {f"{each.case}, {each.peer}": each for each in _starts(root, folder)}
        if not plan.is_quick:
            for start in starts.values():
                start.once(place)  # the first one reads from the disk
        for number in range(rounds):
            for done, key in enumerate(in_turn(list(starts), number)):
                told(f"{PART}, cold starts", number * len(starts) + done, rounds * len(starts))
                start = starts[key]
                for figure, value in start.once(place).items():
                    samples.add(start.case, start.peer, figure, value)
    return samples.all()


def _starts(root: Path, folder: Path) -> list[_Start]:
    stack = deployed(root)
    forms = {"": stack.with_pyc, " without .pyc": stack.without_pyc}
    functions = folder / "node"
    node.bundle(functions)
    make_read_only(functions)
    python_floor = [str(stack.with_pyc.python), str(PROGRAMS / "floor.py")]
    node_floor = ["node", str(PROGRAMS / "node_floor.mjs")]
    awslambdaric = [str(image("awslambdaric")), "-m", "awslambdaric", "plain_handler.handler"]
    client = ["node", str(node.runtime_interface_client())]

    def bare(address: str, _bedrock: str) -> dict[str, str]:
        return python_environment(address, "layer_handler.handler", PROGRAMS)

    def plain(address: str, _bedrock: str) -> dict[str, str]:
        return {**python_environment(address, "", PROGRAMS), "PYTHONPATH": str(PROGRAMS)}

    def in_node(handler: str) -> _Variables:
        return lambda address, bedrock: {
            **lambda_environment(address, handler, functions),
            **bedrock_environment(bedrock),
        }

    def function(form: Form) -> _Variables:
        return lambda address, bedrock: stack_environment(form, address, bedrock)

    return [
        _Start("interpreter", "floor", _runtime("floor", python_floor, bare)),
        _Start("interpreter", "node", _runtime("node", node_floor, in_node(""))),
        *(_Start(f"bare{form}", "firstbyte", _runtime("firstbyte", of.command, bare)) for form, of in forms.items()),
        _Start("bare", "awslambdaric", _runtime("awslambdaric", awslambdaric, plain)),
        _Start("bare", "node", _runtime("node", client, in_node("node_handler.handler"))),
        *(
            _Start(f"bedrock{form}", "firstbyte", _runtime("firstbyte", of.command, function(of), is_asked=True))
            for form, of in forms.items()
        ),
        _Start("bedrock", "node", _runtime("node", client, in_node("node_chat.handler"), is_asked=True)),
        _Start("bedrock", "fastapi", _fastapi(image("fastapi", "uvicorn"))),
    ]


def _runtime(
    name: str, command: list[str], variables: _Variables, *, is_asked: bool = False
) -> Callable[[_Place], Mapping[str, float]]:
    """Return what starts a runtime; if it is asked, an invocation waits for it at the Runtime API."""

    def start(place: _Place) -> dict[str, float]:
        address = place.api.listen()
        started_at = time.monotonic()
        with running(name, command, variables(address, place.bedrock), place.folder) as process:
            found = {}
            if is_asked:
                event = chat_event(_PROMPT, "text/plain")
                (response,) = place.api.invoke({address: event}, check=process.check)[address]
                found["first_byte_ms"] = (response.first_byte_at - started_at) * 1000
            next_at = place.api.asked_at(address, process.check, _PATIENCE_SECONDS)
            return {"next_ms": (next_at - started_at) * 1000, **found}

    return start


def _fastapi(python: Path) -> Callable[[_Place], Mapping[str, float]]:
    def start(place: _Place) -> dict[str, float]:
        environment = {
            **python_environment("", "", PROGRAMS),
            **bedrock_environment(place.bedrock),
            "AWS_DEFAULT_REGION": "us-east-1",  # boto3 does not read AWS_REGION
        }
        started_at = time.monotonic()
        with serving("fastapi_chat:app", str(python), environment, place.folder) as server:
            body = json.dumps({"prompt": _PROMPT})
            (response,) = place.api.invoke({server.address: body}, check=server.process.check)[server.address]
            return {
                "next_ms": (server.listens_at - started_at) * 1000,
                "first_byte_ms": (response.first_byte_at - started_at) * 1000,
            }

    return start
