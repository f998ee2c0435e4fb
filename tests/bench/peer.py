"""The script that people have today: a loop per campaign that counts the agents and reads the campaign.

``peer.py URL CAMPAIGNS INTERVAL SECONDS`` prints its CPU seconds, polls and requests as JSON.
"""

import asyncio
import json
import resource
import sys
import time

import httpx


async def script(url: str, campaigns: int, interval: int, seconds: int) -> tuple[float, int, int]:
    """Poll all campaigns for a time."""
    polls = requests = 0
    async with httpx.AsyncClient(base_url=url) as client:
        form = {"grant_type": "client_credentials", "client_id": "simulator", "client_secret": "simulator-secret"}
        token = (await client.post("/oauth2/token", data=form)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"

        async def loop(number: int) -> None:
            nonlocal polls, requests
            for _ in range(seconds // interval):
                started = time.monotonic()
                agents: dict[str, str | int] = {"state": "available", "limit": 100, "offset": 0}
                (await client.get("/api/v2/interactions/agents", params=agents)).json()
                (await client.get(f"/api/v2/campaigns/cmp-{number}")).json()
                polls, requests = polls + 1, requests + 2
                await asyncio.sleep(max(0, interval - (time.monotonic() - started)))

        began = resource.getrusage(resource.RUSAGE_SELF)
        await asyncio.gather(*(loop(number) for number in range(campaigns)))
        ended = resource.getrusage(resource.RUSAGE_SELF)
    return ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime, polls, requests


if __name__ == "__main__":
    print(json.dumps(asyncio.run(script(sys.argv[1], *map(int, sys.argv[2:])))))
