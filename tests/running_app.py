"""An aiohttp application on a loopback port, in a thread of its own, so that blocking clients can call it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

from aiohttp import web

from sandbox.doors import listen, serve


@contextmanager
def running_app(app: web.Application) -> Iterator[int]:
    """Serve the application as the sandbox does while the body runs; gives the port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = AsyncExitStack()

    async def start() -> int:
        listener = running.enter_context(listen())
        await serve(app, listener, running)
        return int(listener.getsockname()[1])

    async def stop() -> None:
        await running.aclose()
        await loop.shutdown_default_executor()
        left = asyncio.all_tasks() - {asyncio.current_task()}  # of a client that came in the last moment
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
