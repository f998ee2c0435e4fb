"""The journal: which requests came, so that tests can count calls. Never holds a secret or a
token.
"""

import re
from collections import Counter, deque
from dataclasses import dataclass

from cxone_simulator.traffic import PathClass

CAPACITY = 100_000
#: Longer paths and queries are cut: a client's mistake mustn't fill the memory.
LONGEST_TEXT = 2048

_CONFIDENTIAL = re.compile(
    r"((?:[^&=]*(?:secret|token|password|authorization|assertion)[^&=]*)=)[^&]*",
    re.I,
)


@dataclass(slots=True)
class Entry:
    """One request. ``time`` is wall-clock seconds since 1970; ``status`` stays None if it was never
    answered.

    ``client`` is whom the token (or, for a token request, the form) belongs to, ``access_key`` the id
    of the access key that the token was granted for (or that a token request names), ``tenant`` the
    tenant that the token says it is for, also when it is another one's; ``wanted_status`` is what a
    PUT asked for, ``forced`` whether a stop was to cut calls.
    """

    seq: int
    time: float
    method: str
    path_class: PathClass
    path: str
    query: str
    status: int | None = None
    client: str | None = None
    campaign: str | None = None
    wanted_status: str | None = None
    access_key: str | None = None
    tenant: str | None = None
    skill: str | None = None
    forced: bool = False

    def document(self) -> dict[str, object]:
        """The entry as the control API shows it."""
        return {
            "seq": self.seq,
            "time": self.time,
            "method": self.method,
            "pathClass": self.path_class,
            "path": self.path,
            "query": self.query,
            "status": self.status,
            "client": self.client,
            "campaign": self.campaign,
            "wantedStatus": self.wanted_status,
            "accessKey": self.access_key,
            "tenant": self.tenant,
            "skill": self.skill,
            "forced": self.forced,
        }


class Journal:
    """The newest `CAPACITY` requests, in the order in which they came. Numbers are never used
    twice.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._entries: deque[Entry] = deque(maxlen=capacity)
        self.last_seq = 0

    def open(self, time: float, method: str, path_class: PathClass, path: str, query: str) -> Entry:
        """Note a request that has just come."""
        self.last_seq += 1
        if query:
            query = _CONFIDENTIAL.sub(r"\1...", query[:LONGEST_TEXT])
        entry = Entry(self.last_seq, time, method, path_class, path[:LONGEST_TEXT], query)
        self._entries.append(entry)
        return entry

    def entries(self, since: int = 0, path_class: PathClass | None = None) -> list[Entry]:
        """Entries with a number above ``since``, oldest first."""
        if not self._entries or since >= self.last_seq:
            return []
        known = iter(self._entries)
        for _ in range(since - self._entries[0].seq + 1):
            next(known)
        return [entry for entry in known if path_class is None or entry.path_class is path_class]

    def summary(self, since: int = 0) -> Counter[tuple[PathClass, int | None, str | None]]:
        """How many requests per path class, status and client."""
        return Counter((e.path_class, e.status, e.client) for e in self.entries(since))

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        self._entries.clear()
