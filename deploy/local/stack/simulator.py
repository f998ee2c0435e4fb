"""The simulated CXone tenant as a process, and its control API."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from stack.processes import Process

CLIENT_ID, CLIENT_SECRET = "simulator", "simulator-secret"
ACCESS_KEY_ID, ACCESS_KEY_SECRET = "SIMULATORKEY====", "SIMULATORKEYSECRET===="
TENANT_ID = "11e00000-0000-4000-8000-00000000acd0"

#: What makes a skill one of these kinds, in the words of docs/simulator.md.
SKILL_KINDS: Mapping[str, Mapping[str, Any]] = {
    "personal-connection": {},
    "inbound": {"outbound": False},
    "manual": {"outboundStrategy": "Manual Outbound"},
    "agentless": {"agentless": True},
    "inactive": {"active": False},
}


class Simulator(Process):
    """A tenant on a free loopback port.

    Args:
        folder: for its log.
        scenario: a scenario file; None for the default.
    """

    def __init__(self, folder: Path, scenario: Path | None = None, *, port: int = 0) -> None:
        chosen = [] if scenario is None else ["--scenario", str(scenario)]
        super().__init__("cxone_simulator", "--port", str(port), *chosen, log=folder / "simulator.log")
        self.tenant_id = TENANT_ID
        self.url = self.logged(r"simulator listening on (http://\S+)")
        self.host = self.url.removeprefix("http://")

    @classmethod
    def playing(cls, folder: Path, document: Mapping[str, Any], *, port: int = 0) -> Self:
        """A tenant as this document of a scenario says (docs/simulator.md)."""
        scenario = folder / "scenario.yaml"
        scenario.write_text(json.dumps(document), encoding="utf-8")
        tenant = cls(folder, scenario, port=port)
        tenant.tenant_id = document.get("acd", {}).get("tenantId", TENANT_ID)
        return tenant

    @classmethod
    def acd(
        cls,
        folder: Path,
        *,
        port: int = 0,
        tenant_id: str = TENANT_ID,
        client: tuple[str, str] = (CLIENT_ID, CLIENT_SECRET),
        access_key: tuple[str, str] = (ACCESS_KEY_ID, ACCESS_KEY_SECRET),
        **document: Any,
    ) -> Self:
        """A tenant that speaks ACD, with a client and an access key (id and secret each) of its own.

        Nothing moves by itself; ``document`` holds further keys of a scenario. Without ``campaigns`` it has the
        campaign 1 with the Personal Connection skill 10001, which runs.
        """
        whole: dict[str, Any] = {
            "dialects": ["ACD"],
            "mode": "manual",
            "clients": {client[0]: {"secret": client[1]}},
            "accessKeys": {access_key[0]: {"secret": access_key[1]}},
            **document,
        }
        whole["acd"] = {"tenantId": tenant_id, **whole.get("acd", {})}
        return cls.playing(folder, whole, port=port)

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

    def add_agent(self, agent: str, *skills: str, **fields: Any) -> None:
        """Add an agent with these skills (by name; none: at the ACD all)."""
        self.control("POST", "agents", {"id": agent, "skills": list(skills), **fields})

    def set_agent_state(self, agent: str, state: str | int) -> None:
        """Put an agent into a state, by the word of the Campaigns dialect or by the ACD's number."""
        self.control("PUT", f"agents/{agent}", {"stateId" if isinstance(state, int) else "state": state})

    def add_campaign(self, campaign: str, **fields: Any) -> None:
        """Create or replace a campaign; ``skills`` is a list of what `add_skill` takes, with ``id``."""
        self.control("PUT", f"campaigns/{quote(campaign, safe='')}", fields)

    def campaign(self, campaign: str = "cmp-1") -> dict[str, Any]:
        """A campaign as the tenant has it."""
        found: dict[str, Any] = self.control("GET", f"campaigns/{quote(campaign, safe='')}")
        return found

    def set_status_as_person(self, status: str, campaign: str = "cmp-1") -> None:
        """What a person does in CXone's own pages."""
        self.control("POST", f"campaigns/{quote(campaign, safe='')}/status", {"status": status})

    def set_active(self, active: bool, campaign: str = "1") -> None:
        """Activate or deactivate a campaign at the ACD."""
        self.control("POST", f"campaigns/{campaign}/active", {"active": active})

    def add_skill(self, skill: int, campaign: str = "1", kind: str = "personal-connection", **fields: Any) -> None:
        """Create or replace a skill of one of the `SKILL_KINDS`."""
        self.control("PUT", f"skills/{skill}", {"campaign": campaign, **SKILL_KINDS[kind], **fields})

    def change_skill(self, skill: int, **fields: Any) -> None:
        """Change some fields of a skill and leave the rest."""
        self.control("PATCH", f"skills/{skill}", fields)

    def remove_skill(self, skill: int) -> None:
        """Remove a skill from its campaign."""
        self.control("DELETE", f"skills/{skill}")

    def skill(self, skill: int = 10_001) -> dict[str, Any]:
        """A skill as the tenant has it."""
        found: dict[str, Any] = self.control("GET", f"skills/{skill}")
        return found

    def skill_runs(self, skill: int = 10_001) -> bool:
        """Whether a skill runs; while it drains, it does."""
        return bool(self.skill(skill)["running"])

    def running_skills(self) -> set[int]:
        """The skills that run, those that drain included."""
        return {skill["id"] for skill in self.control("GET", "skills")["skills"] if skill["running"]}

    def set_running_as_person(self, running: bool, skill: int = 10_001, *, force: bool = False) -> None:
        """Start or stop a skill as a person does it in CXone's own pages."""
        self.control("POST", f"skills/{skill}/running", {"running": running, "force": force})

    def set_skill_activity(self, skill: int = 10_001, **counters: int) -> None:
        """Fix counters of a skill (``agentsAvailable=3``); without any, the model counts again."""
        self.change_skill(skill, activity=counters)

    def schedule_skill(self, skill: int = 10_001, **schedule: Any) -> None:
        """Set a skill's schedule: ``isScheduled``, ``mondayStartTime`` …; without any, it has none."""
        self.change_skill(skill, schedule=schedule)

    def hold_drains(self, hold: bool = True, *, seconds: float = 0.0) -> None:
        """Let drains that begin from now on last until they are released, or so many seconds."""
        self.set_acd(drain={"hold": hold, "seconds": seconds})

    def release_drain(self, skill: int = 10_001) -> None:
        """Let a drain end that is held."""
        self.control("POST", f"skills/{skill}/release")

    def set_acd(self, **settings: Any) -> None:
        """Change how the ACD's API behaves: ``apiEndpoint``, ``frozen``, ``dialerIsAvailable`` and others."""
        self.control("PUT", "acd", settings)

    def set_access_key(self, key: str, secret: str, **fields: Any) -> None:
        """Create an access key, or change its secret."""
        self.control("PUT", f"access-keys/{quote(key, safe='')}", {"secret": secret, **fields})

    def revoke_tokens(self) -> None:
        """Revoke all tokens."""
        self.control("POST", "tokens/revoke", {})

    def set_page_cap(self, cap: int | None) -> None:
        """Make pages shorter than clients ask for, or lift that."""
        self.control("PUT", "page-cap", {"cap": cap})

    def set_rate_limit(self, path: str, requests_per_second: float, **fields: Any) -> None:
        """Put a limit on a path class."""
        self.control("PUT", f"rate-limits/{path}", {"requestsPerSecond": requests_per_second, **fields})

    def step(self, seconds: float) -> None:
        """Let so many simulated seconds pass at once."""
        self.control("POST", "clock", {"step": seconds})

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

    def requests_of(self, *, client: str = "", access_key: str = "", tenant: str = "") -> list[dict[str, Any]]:
        """The requests that came with the credentials of this client, access key or tenant (its ID, as tokens name
        it), oldest first; of those that are not given, any.
        """
        wanted = {"client": client, "accessKey": access_key, "tenant": tenant}
        given = {key: value for key, value in wanted.items() if value}
        return [row for row in self.requests() if all(row[key] == value for key, value in given.items())]

    def credentials_seen(self) -> set[str]:
        """The ids of all clients, access keys and tenants that requests came with."""
        keys = ("client", "accessKey", "tenant")
        return {row[key] for row in self.requests() for key in keys if row[key] is not None}

    def forced_stops(self) -> int:
        """How many requests asked to stop a skill by force."""
        return sum(row["forced"] for row in self.requests("acd-skill-stop"))

    def last_request(self) -> int:
        """The number of the newest request in the journal."""
        return int(self.control("GET", "requests?limit=1")["lastSeq"])
