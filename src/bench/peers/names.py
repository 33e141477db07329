"""What parts, cases, peers and figures are called in the table and on the page; a name that is not here says itself."""

from dataclasses import dataclass

PEERS = {
    "floor": "floor",
    "firstbyte": "Firstbyte",
    "node": "Node.js",
    "fastapi": "FastAPI",
    # Both are the project's own function.
    "streaming": "streaming",
    "buffered": "buffered",
}
PARTS = {
    "layer": "A response through the layer",
    "start": "A cold start",
    "events": "CPU of the whole function",
    "lengths": "Streaming against buffering",
}
# What a part measures, for the help.
ABOUT = {
    "layer": "TTFB, chunks per second, CPU per chunk, memory",
    "start": "a cold start to /next and to the first byte, with .pyc and without",
    "events": "CPU per model event of the whole function, with 1 to 50 streams",
    "lengths": "streaming against buffering, over the length of an answer",
}
CASES = {
    "response": "One chunk",
    "chunks": "Many chunks, each sent at once",
    "memory": "After the chunks",
    "gathered": "Many chunks, sent together",
    "interpreter": "Interpreter alone",
    "bare": "Bare function",
    "bare without .pyc": "Bare function, no .pyc",
    "bedrock": "Bedrock client",
    "bedrock without .pyc": "Bedrock client, no .pyc",
    "flat out": "1 stream, flat out",
}
# Parts whose cases are of different kinds: their figures are not in one chart.
APART = ("layer",)


@dataclass(frozen=True)
class Figure:
    """What a figure is called, with its unit, and whether less of it is better (None: neither)."""

    label: str
    is_less_better: bool | None = True


FIGURES = {
    "ttfb_p50_ms": Figure("TTFB p50, ms"),
    "ttfb_p99_ms": Figure("TTFB p99, ms"),
    "chunks_per_second": Figure("Chunks per second", is_less_better=False),
    "cpu_us_per_chunk": Figure("CPU per chunk, us"),
    "server_share": Figure("Server in front, of a core", is_less_better=None),
    "rss_mb": Figure("Memory, MB"),
    "next_ms": Figure("Start to /next, ms"),
    "first_byte_ms": Figure("Start to first byte, ms"),
    "cpu_us_per_event": Figure("CPU per model event, us"),
    "first_text_ms": Figure("First text, ms"),
    "last_byte_ms": Figure("Last byte, ms"),
}


def peer(name: str) -> str:
    """Return what a peer is called."""
    return PEERS.get(name, name)


def case(name: str) -> str:
    """Return what a case is called."""
    return CASES.get(name, name)


def figure(name: str) -> Figure:
    """Return what a figure is called."""
    return FIGURES.get(name, Figure(name))
