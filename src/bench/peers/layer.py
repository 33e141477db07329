"""What a response costs through each peer: TTFB, chunks a second, CPU per chunk, memory."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.peers import node
from bench.peers.peer_process import PROGRAMS, PeerProcess, lambda_environment, running
from bench.peers.plan import Plan, in_turn
from bench.peers.runtime_api import PAUSE_SECONDS, PeerError, Response, RuntimeApi
from bench.peers.sample import Sample, Samples
from bench.peers.web_server import serving
from bench.progress import Told
from bench.sandbox import ROOT

PART = "layer"
_START_SECONDS = 60.0


@dataclass(frozen=True)
class _Peer:
    """A running peer: its process, what invokes it, and its address there."""

    process: PeerProcess
    api: RuntimeApi
    address: str


@dataclass(frozen=True)
class _Size:
    """How long a round is for each peer: responses of one chunk in each case, and the chunks of one long response."""

    responses: int
    chunks: int


_FULL = _Size(responses=500, chunks=100_000)
_QUICK = _Size(responses=40, chunks=4_000)
# Of Node.js and FastAPI, which compile or import some of their code when it is first used.
_WARM_UP = _Size(responses=40, chunks=4_000)
# Has one case more: it sends what was written when its function waits for something, the others send each write.
_GATHERING = "node"
# Between two responses of one chunk, in seconds.
_PAUSES = {"response": PAUSE_SECONDS, "busy": 0.0}


def measure(plan: Plan, told: Told, root: Path = ROOT) -> list[Sample]:
    """Measure all peers in turn, round by round.

    Args:
        plan: how much.
        told: hears how far it is.
        root: the checkout whose layer is measured.

    Raises:
        PeerError: a peer failed.
    """
    size = _QUICK if plan.is_quick else _FULL
    samples = Samples(PART)
    with ExitStack() as stack:
        told(f"{PART}: starting the peers", 0, 0)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        api = stack.enter_context(RuntimeApi())
        peers = {name: stack.enter_context(start(api, root, folder)) for name, start in _STARTS.items()}
        for name, peer in peers.items():
            list(_round(name, peer, _WARM_UP))
        for number in range(plan.rounds):
            for done, name in enumerate(in_turn(list(peers), number)):
                told(f"{PART}, peers in turn", number * len(peers) + done, plan.rounds * len(peers))
                for case, figure, value in _round(name, peers[name], size):
                    samples.add(case, name, figure, value)
    return samples.all()


def _round(name: str, peer: _Peer, size: _Size) -> Iterator[tuple[str, str, float]]:
    """Measure one peer once; yield cases, figures and values."""
    for case, pause_seconds in _PAUSES.items():
        responses = _respond(peer, 1, size.responses, pause_seconds)
        ttfb_ms = [(response.first_byte_at - response.given_at) * 1000 for response in responses]
        yield case, "ttfb_p50_ms", float(np.quantile(ttfb_ms, 0.5))
        yield case, "ttfb_p99_ms", float(np.quantile(ttfb_ms, 0.99))
    for case in ("chunks", "gathered") if name == _GATHERING else ("chunks",):
        before = peer.process.cpu_seconds()
        (response,) = _respond(peer, size.chunks, together=case == "gathered")
        cpu_seconds = peer.process.cpu_seconds() - before
        yield case, "chunks_per_second", (size.chunks - 1) / (response.last_byte_at - response.first_byte_at)
        yield case, "cpu_us_per_chunk", cpu_seconds / size.chunks * 1e6
        yield case, "server_share", response.server_cpu_seconds / (response.last_byte_at - response.given_at)
    yield "memory", "rss_mb", peer.process.rss_mb()


def _respond(
    peer: _Peer, chunks: int, times: int = 1, pause_seconds: float = PAUSE_SECONDS, *, together: bool = False
) -> list[Response]:
    event = json.dumps({"chunks": chunks, "together": together})
    found = peer.api.invoke({peer.address: event}, times, peer.process.check, pause_seconds=pause_seconds)
    responses = found[peer.address]
    if wrong := [response for response in responses if response.chunks != chunks]:
        raise PeerError(f"{peer.process.name} sent {wrong[0].chunks} chunks of {chunks}")
    return responses


@contextmanager
def _runtime(name: str, command: list[str], handler: str, api: RuntimeApi, folder: Path) -> Iterator[_Peer]:
    address = api.listen()
    with running(name, command, lambda_environment(address, handler, PROGRAMS), folder) as process:
        api.asked_at(address, process.check, _START_SECONDS)
        yield _Peer(process, api, address)


@contextmanager
def _floor(api: RuntimeApi, _root: Path, folder: Path) -> Iterator[_Peer]:
    with _runtime("floor", [sys.executable, "-I", str(PROGRAMS / "floor.py")], "floor", api, folder) as peer:
        yield peer


@contextmanager
def _firstbyte(api: RuntimeApi, root: Path, folder: Path) -> Iterator[_Peer]:
    command = [str(root / "src/runtime/lambda_streaming/bootstrap"), sys.executable]
    with _runtime("firstbyte", command, "layer_handler.handler", api, folder) as peer:
        yield peer


@contextmanager
def _node(api: RuntimeApi, _root: Path, folder: Path) -> Iterator[_Peer]:
    command = ["node", str(node.runtime_interface_client())]
    with _runtime("node", command, "node_handler.handler", api, folder) as peer:
        yield peer


@contextmanager
def _fastapi(api: RuntimeApi, _root: Path, folder: Path) -> Iterator[_Peer]:
    with serving("fastapi_app:app", sys.executable, lambda_environment("", "", PROGRAMS), folder) as server:
        yield _Peer(server.process, api, server.address)


_STARTS = {"floor": _floor, "firstbyte": _firstbyte, "node": _node, "fastapi": _fastapi}
