"""The simulated CXone tenant as a process, and its control API."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stack.processes import Process

CLIENT_ID, CLIENT_SECRET = "simulator", "simulator-secret"


class Simulator(Process):
    """A tenant on a free loopback port.

    Args:
        folder: for its log.
        scenario: a scenario file; None for the default.
    """

    def __init__(self, folder: Path, scenario: Path | None = None, *, port: int = 0) -> None:
        chosen = [] if scenario is None else ["--scenario", str(scenario)]
        super().__init__("cxone_simulator", "--port", str(port), *chosen, log=folder / "simulator.log")
        self.url = self.logged(r"simulator listening on (http://\S+)")
        self.host = self.url.removeprefix("http://")

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request to the control API (docs/simulator.md); the answer's JSON, None if it has none."""
        request = urllib.request.Request(
            f"{self.url}/_sim/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} /_sim/{path}: {error.code} {error.read().decode()}") from None
        return json.loads(text) if text else None

    def set_agents(self, **counts: int) -> None:
        """Set how many agents are available, busy, offline."""
        self.control("PUT", "agents", counts)

    def add_campaign(self, campaign: str, **fields: str) -> None:
        """Create or replace a campaign."""
        self.control("PUT", f"campaigns/{quote(campaign, safe='')}", fields)

    def campaign(self, campaign: str = "cmp-1") -> dict[str, Any]:
        """A campaign as the tenant has it."""
        found: dict[str, Any] = self.control("GET", f"campaigns/{quote(campaign, safe='')}")
        return found

    def set_status_as_person(self, status: str, campaign: str = "cmp-1") -> None:
        """What a person does in CXone's own pages."""
        self.control("POST", f"campaigns/{quote(campaign, safe='')}/status", {"status": status})

    def add_fault(self, kind: str, path: str = "*", **fields: Any) -> str:
        """Put a fault in force; returns its ID."""
        return str(self.control("POST", "faults", {"kind": kind, "path": path, **fields})["id"])

    def clear_faults(self) -> None:
        """Remove all faults; what hangs on them goes on at once."""
        self.control("DELETE", "faults")

    def requests(self, path: str | None = None, since: int = 0) -> list[dict[str, Any]]:
        """The journal, oldest first."""
        query = f"?since={since}&limit=100000" + (f"&path={path}" if path else "")
        found: list[dict[str, Any]] = self.control("GET", f"requests{query}")["requests"]
        return found

    def last_request(self) -> int:
        """The number of the newest request in the journal."""
        return int(self.control("GET", "requests?limit=1")["lastSeq"])
