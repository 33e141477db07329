"""The channel from the Runtime API to the client: who else runs while a function writes."""

import asyncio
from datetime import UTC, datetime

from sandbox.invocation import Invocation
from sandbox.trace_context import trace_context


async def test_others_run_after_every_sixteenth_chunk_of_those_that_are_there_at_once() -> None:
    invocation = Invocation(b"{}", trace_context(None, False, datetime.now(UTC)), "id", "arn")
    order = []

    async def other() -> None:
        for _ in range(3):
            order.append("other")
            await asyncio.sleep(0)

    others = asyncio.create_task(other())
    for _ in range(48):
        await invocation.send(b"chunk")
        order.append("chunk")
    await others
    assert order == [*["chunk"] * 15, "other", "chunk"] * 3
