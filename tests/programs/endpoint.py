"""A program that serves the endpoint of a page: `endpoint.py CODE PATH`.

For each line of its input, it asks the endpoint, and prints the status and the level.
"""

from __future__ import annotations

import asyncio
import sys

import httpx


async def main(code: str, path: str) -> None:
    """Run the command line described at the top."""
    page: dict[str, object] = {}
    exec(code, page)
    transport = httpx.ASGITransport(page["app"])  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://endpoint") as client:
        for _ in sys.stdin:
            response = await client.get(path)
            print(response.status_code, response.json()["level"], flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
