"""The function as a web application: streams as many chunks as the request's body says."""

from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

_CHUNK = b"x" * 100

app = FastAPI()


@app.post("/")
async def answer(event: dict[str, int]) -> StreamingResponse:
    """Answer as the other peers' functions do."""
    return StreamingResponse(_chunks(event), media_type="text/plain")


async def _chunks(event: dict[str, int]) -> AsyncIterator[bytes]:
    for _ in range(event["chunks"]):
        yield _CHUNK
