"""Every version of every throttle and tenant that the API server of the tests ever had, in order."""

import base64
import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from control_plane import ControlPlane
from integration.pace import PATIENCE, wait_for

PATH = "/apis/campaignthrottle.io/v1alpha1"
PLURALS = ("campaignthrottles", "cxonetenants", "clustercxonetenants")
PAUSE = 0.05
#: What a request meets while the API server stops, is away or comes back; a ValueError is half a line of JSON.
AWAY = (OSError, http.client.HTTPException, ValueError)


@dataclass(frozen=True)
class Version:
    """One version of an object: how a watch announced it (ADDED, MODIFIED, DELETED), the object, and when that was.

    ``seen`` is None for what was only found later, in the store's history.
    """

    type: str
    object: dict[str, Any]
    seen: datetime | None = None

    @property
    def kind(self) -> str:
        """CampaignThrottle, CXoneTenant or ClusterCXoneTenant."""
        return str(self.object["kind"])

    @property
    def uid(self) -> str:
        """Tells objects apart that had the same name one after the other."""
        return str(self.object["metadata"]["uid"])

    @property
    def revision(self) -> int:
        """Of the store, when it became so."""
        return int(self.object["metadata"]["resourceVersion"])


class Expired(Exception):
    """The API server can't or won't go back to that revision."""


class Recorder:
    """Watches the objects of all kinds, in threads, from :meth:`follow` to :meth:`stop`; after a first :meth:`look`."""

    def __init__(self, plane: ControlPlane) -> None:
        self._streams = [_Stream(plane, plural) for plural in PLURALS]

    @property
    def gaps(self) -> list[str]:
        """Why versions may be missing; empty unless history was compacted away."""
        return [gap for stream in self._streams for gap in stream.gaps]

    def look(self) -> None:
        """Takes what is there."""
        for stream in self._streams:
            stream.look()

    def follow(self) -> None:
        """Takes what has come since the look, and what comes from now on."""
        for stream in self._streams:
            stream.follow()

    def stop(self) -> None:
        """Ends the threads."""
        for stream in self._streams:
            stream.stop()

    def catch_up(self) -> list[Version]:
        """All versions up to now, once the last has been seen: of all kinds, in the order in which they came to be."""
        found = [version for stream in self._streams for version in stream.catch_up()]
        return sorted(found, key=lambda version: version.revision)  # one store, and one count of its revisions


class _Stream:
    """Watches the objects of one kind.

    An API server that was restarted refuses to go on from a revision before its start (its watch cache is
    empty). What was missed is then read from etcd's history, revision by revision, so that a version that
    only lived for a moment is seen all the same.

    Attributes:
        versions: what was seen so far.
        gaps: why versions may be missing; empty unless history was compacted away.
    """

    def __init__(self, plane: ControlPlane, plural: str) -> None:
        config = json.loads(plane.kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._plural = plural
        self._host = urlsplit(cluster["server"]).netloc
        self._headers = {"Authorization": f"Bearer {user['token']}"}
        self._context = ssl.create_default_context(cadata=authority)
        self.versions: list[Version] = []
        self.gaps: list[str] = []
        self._alive: dict[str, dict[str, Any]] = {}
        self._revision = 0
        self._stopped = threading.Event()
        self._watching: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name=f"recorder of {plural}", daemon=True)

    def look(self) -> None:
        """Takes what is there."""
        found = wait_for(self._first_list, f"the API server to serve {self._plural}")
        assert found is not None
        for item in found["items"]:
            self._see("ADDED", item)
        self._revision = int(found["metadata"]["resourceVersion"])

    def follow(self) -> None:
        """Takes what has come since the look, and what comes from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._stopped.set()
        if self._watching is not None:
            with contextlib.suppress(OSError):
                self._watching.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)

    def catch_up(self) -> list[Version]:
        """All versions up to now, once the last has been seen."""

        def seen() -> bool:
            return newest(self._list()["items"]) == newest(self._alive.copy().values())

        wait_for(seen, f"the recorder of {self._plural} to catch up")
        return list(self.versions)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._watch()
            except Expired:
                with contextlib.suppress(*AWAY):
                    self._bridge()
            except AWAY:
                pass
            self._stopped.wait(PAUSE)

    def _watch(self) -> None:
        query = {"watch": "true", "resourceVersion": str(self._revision), "allowWatchBookmarks": "true"}
        with self._get(query, timeout=None) as answer:
            for line in answer:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise Expired(event["object"].get("message"))
                if event["type"] != "BOOKMARK":
                    self._see(event["type"], event["object"], datetime.now(UTC))
                self._revision = int(event["object"]["metadata"]["resourceVersion"])

    def _bridge(self) -> None:
        """Goes from the last revision seen to the newest, one at a time."""
        until = int(self._list()["metadata"]["resourceVersion"])
        for revision in range(self._revision + 1, until + 1):
            try:
                items = self._list(resourceVersion=str(revision), resourceVersionMatch="Exact")["items"]
            except Expired as error:
                self.gaps.append(f"revision {revision}: {error}")
                self._revision = revision
                continue
            for uid in self._alive.keys() - {item["metadata"]["uid"] for item in items}:
                last = self._alive[uid]
                metadata = last["metadata"] | {"resourceVersion": str(revision)}
                self._see("DELETED", last | {"metadata": metadata})
            for item in items:
                if int(item["metadata"]["resourceVersion"]) == revision:
                    self._see("MODIFIED" if item["metadata"]["uid"] in self._alive else "ADDED", item)
            self._revision = revision

    def _see(self, type_: str, item: dict[str, Any], when: datetime | None = None) -> None:
        version = Version(type_, item, when)
        if type_ == "DELETED":
            self._alive.pop(version.uid, None)
        else:
            self._alive[version.uid] = item
        self.versions.append(version)

    def _first_list(self) -> dict[str, Any] | None:
        with contextlib.suppress(*AWAY):  # a kind that was just made is served only after some 429
            return self._list()
        return None

    def _list(self, **query: str) -> dict[str, Any]:
        with self._get(query, timeout=PATIENCE) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    @contextlib.contextmanager
    def _get(self, query: dict[str, str], timeout: float | None) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPSConnection(self._host, timeout=PATIENCE, context=self._context)
        try:
            connection.request("GET", f"{PATH}/{self._plural}?{urlencode(query)}", headers=self._headers)
            answer = connection.getresponse()
            if answer.status == 410:
                raise Expired(answer.read().decode(errors="replace"))
            if answer.status != 200:
                raise http.client.HTTPException(f"{answer.status}: {answer.read().decode(errors='replace')}")
            if timeout is None:
                connection.sock.settimeout(None)
                self._watching = connection.sock
                if self._stopped.is_set():
                    raise http.client.HTTPException("stopped meanwhile")
            yield answer
        finally:
            connection.close()


def newest(items: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The version of each object."""
    return {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in items}
