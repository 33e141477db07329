"""What parts, cases, peers and figures are called in tables and on the page; a name that is not here says itself."""

from dataclasses import dataclass

PEERS = {
    "floor": "floor",
    "firstbyte": "Firstbyte",
    "node": "Node.js",
    "fastapi": "FastAPI",
    "awslambdaric": "awslambdaric",
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
    "busy": "One chunk, without a pause between invocations",
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
# The same as a part of a sentence, for a row that is not below its case's heading.
_PHRASES = {
    "response": "",
    "busy": " without a pause",
    "chunks": ", each sent at once",
    "memory": "",
    "gathered": ", sent together",
    "interpreter": " with the interpreter alone",
    "bare": " with a bare function",
    "bare without .pyc": " with a bare function, no .pyc",
    "bedrock": " with a Bedrock client",
    "bedrock without .pyc": " with a Bedrock client, no .pyc",
    "flat out": ", 1 stream flat out",
}
# Parts whose cases are of different kinds: their figures are not in one chart.
APART = ("layer",)


@dataclass(frozen=True)
class Figure:
    """What a figure is called, its unit, and whether less of it is better (None: neither)."""

    name: str
    unit: str = ""
    is_less_better: bool | None = True

    @property
    def label(self) -> str:
        """Its name and its unit."""
        return self.called(self.name)

    def called(self, name: str) -> str:
        """Return another name for it with its unit."""
        return f"{name}, {self.unit}" if self.unit else name


FIGURES = {
    "ttfb_p50_ms": Figure("TTFB p50", "ms"),
    "ttfb_p99_ms": Figure("TTFB p99", "ms"),
    "chunks_per_second": Figure("Chunks per second", is_less_better=False),
    "cpu_us_per_chunk": Figure("CPU per chunk", "us"),
    "server_share": Figure("Server in front", "of a core", is_less_better=None),
    "rss_mb": Figure("Memory", "MB"),
    "next_ms": Figure("Start to /next", "ms"),
    "first_byte_ms": Figure("Start to first byte", "ms"),
    "cpu_us_per_event": Figure("CPU per model event", "us"),
    "first_text_ms": Figure("First text", "ms"),
    "last_byte_ms": Figure("Last byte", "ms"),
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


def in_one_line(of_case: str, of_figure: str) -> str:
    """Return what a figure in a case is called, in one line with its unit."""
    kind = figure(of_figure)
    return kind.called(kind.name + _PHRASES.get(of_case, f", {case(of_case)}"))
