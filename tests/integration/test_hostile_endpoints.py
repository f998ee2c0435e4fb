"""Addresses that no credential may be sent to, all at once on a real API server: declared, discovered, redirected to.

What listens at the addresses is here, and sees that nobody comes.
"""

import base64
import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from campaign_throttle.resources.tenant import URL_PATTERN
from control_plane import ControlPlane
from integration.namespaces import Namespace, conditions, manifest
from integration.pace import FAST, wait_for
from integration.recorder import Recorder
from integration.tenancy import API_VERSION, apply, secret, tenant
from integration.watching import polls_again
from stack import Operator

CLIENT_SECRET, ACCESS_KEY_SECRET = "s3cret-of-the-client", "s3cret-of-the-access-key"
#: In a form, in JSON, and as Basic authentication.
CREDENTIALS = (CLIENT_SECRET, ACCESS_KEY_SECRET, base64.b64encode(f"client:{CLIENT_SECRET}".encode()).decode())
TOKEN = "t0ken-of-the-hostile-server"
TENANT_ID = "11e00000-0000-4000-8000-00000000acd0"
#: ``{port}`` is that of what listens on loopback.
INSIDE = [
    "http://127.0.0.1:{port}",
    "https://127.0.0.1:{port}",
    "http://127.0.0.2:{port}",
    "https://localhost:{port}",
    "http://localhost.:{port}",
    "http://LOCALHOST:{port}",
    "http://127.1:{port}",
    "http://127.0.1:{port}",
    "http://2130706433:{port}",
    "http://0x7f000001:{port}",
    "http://0x7f.0.0.1:{port}",
    "http://0177.0.0.1:{port}",
    "http://017700000001:{port}",
    "http://0:{port}",
    "http://0.0.0.0:{port}",
    "http://[::1]:{port}",
    "http://[0:0:0:0:0:0:0:1]:{port}",
    "http://[::]:{port}",
    "http://[::ffff:127.0.0.1]:{port}",
    "http://[::ffff:7f00:1]:{port}",
    "http://[64:ff9b::7f00:1]:{port}",
    "http://169.254.169.254/latest/meta-data/iam",
    "https://169.254.169.254",
    "http://2852039166",
    "http://0xa9fea9fe",
    "http://0251.0376.0251.0376",
    "http://[::ffff:169.254.169.254]",
    "http://[fd00:ec2::254]",
    "http://[fe80::1]:{port}",
    "http://metadata.google.internal",
    "http://168.63.129.16",
    "https://10.0.0.1",
    "https://172.16.0.1:6443",
    "https://192.168.1.1",
    "https://100.64.0.1",
    "https://kubernetes.default.svc",
    "https://kubernetes.default.svc.cluster.local:443",
]
LOOK_ALIKES = [
    "https://evil.example",
    "https://evilnicecxone.com",
    "https://nicecxone.com.evil.example",
    "https://api.nicecxone.com.:{port}.evil.example",
    "https://nicecxone.co",
    "https://nicecxone.com-evil.example",
    "https://nice.cxone.com",
    "https://api.nicecxone.com.127.0.0.1:{port}",
    "https://com",
    "https://xn--nicecxne-0za.com",
    "https://api.nicecxone.com%2eevil.example",
    "https://api.nicecxone.com%00.evil.example",
    "https://evil.example\\.nicecxone.com",
    "https://api_nicecxone.com",
    "http://api.nicecxone.com",
    "http://api-na1.niceincontact.com:443",
    "https://api.nicecxone.com:0",
    "https://api.nicecxone.com:65536",
    "https://api.nicecxone.com:99999999999",
    "https://api.nicecxone.com:80:80",
    "https://api.nicecxone.com/a//b\\c",
]
HOSTILE = [*INSIDE, *LOOK_ALIKES]
#: Refused by the schema already.
MALFORMED = [
    "https://user@127.0.0.1:{port}",
    "https://nicecxone.com@evil.example",
    "https://api.nicecxone.com:secret@evil.example",
    "https://evil.example#.nicecxone.com",
    "https://evil.example?.nicecxone.com",
    "https://evil.example /.nicecxone.com",
    "https://evil.example\t.nicecxone.com",
    "https://api.nicecxone.com\r\nHost: evil.example",
    "https://evil.example\u3002nicecxone.com",
    "https://nіcecxone.com",
    "HTTP://127.0.0.1:{port}",
    "//127.0.0.1:{port}",
    "file:///var/run/secrets/kubernetes.io/serviceaccount/token",
    "gopher://127.0.0.1:{port}",
    "unix:///var/run/docker.sock",
    "",
]
AREAS = ["evil.example/", "evil.example#", "na1@evil.example", "../na1", "", "-"]
REDIRECTS = (301, 302, 303, 307, 308)


class Canary:
    """Listens on loopback, on both kinds of address, where nobody may be sent to; ``came`` is what was said."""

    def __init__(self) -> None:
        first = socket.create_server(("127.0.0.1", 0))
        self.port = first.getsockname()[1]
        self._listening = [first]
        for address in ("::1", "127.0.0.2"):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                self._listening.append(socket.create_server((address, self.port), family=family))
            except OSError:
                continue  # a machine without IPv6
        self.came: list[bytes] = []
        for listening in self._listening:
            threading.Thread(target=self._serve, args=(listening,), daemon=True).start()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                try:
                    self.came.append(connection.recv(65536))
                except OSError:
                    self.came.append(b"")

    def close(self) -> None:
        for listening in self._listening:
            listening.close()


@dataclass(frozen=True)
class Asked:
    """A request that came to the hostile server."""

    path: str
    headers: str
    body: str


class HostileServer:
    """A server that the operator may speak to, and that leads elsewhere.

    Below each path it is another tenant: ``documents`` are what discovery says there; below ``redirect-CODE`` every
    answer is a redirect to ``elsewhere``.
    """

    def __init__(self, elsewhere: str) -> None:
        self.documents: dict[str, dict[str, str]] = {}
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                outer.asked.append(Asked(self.path, str(self.headers), body))
                case = self.path.split("/")[1]
                if match := re.fullmatch(r"redirect-(\d+)", case):
                    self._send(int(match[1]), {}, Location=elsewhere)
                elif "/.well-known/" in self.path:
                    self._send(200, outer.documents[case])
                else:
                    self._send(200, {"access_token": TOKEN, "token_type": "bearer", "expires_in": 3600})

            do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the server's own words

            def _send(self, status: int, document: dict[str, Any], **headers: str) -> None:
                text = json.dumps(document).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def told(self, *secrets: str) -> set[str]:
        """The tenants of whom one of these came, by the first part of the path."""
        return {
            asked.path.split("/")[1]
            for asked in self.asked
            if any(word in asked.headers + asked.body + asked.path for word in secrets)
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    canary = Canary()
    yield canary
    canary.close()


@pytest.fixture
def server(canary: Canary) -> Iterator[HostileServer]:
    server = HostileServer(f"http://127.0.0.1:{canary.port}/caught")
    yield server
    server.close()


@pytest.fixture
def operator(
    tmp_path: Path, operator_kubeconfig: Path, plane: ControlPlane, namespace: Namespace, server: HostileServer
) -> Iterator[Operator]:
    """An operator that may speak to the hostile server, and to nobody else out of CXone's domains."""
    listed = {"CAMPAIGN_THROTTLE_ALLOW_INSECURE_HOSTS": urlsplit(server.url).netloc}
    operator = Operator(tmp_path, operator_kubeconfig, None, environment=FAST | listed)
    yield operator
    # While it runs: afterwards somebody would have to take all the finalizers away. And all in one request.
    plane.kubectl("delete", "--raw", f"/apis/{API_VERSION}/namespaces/{namespace.name}/campaignthrottles")
    left = ("get", "campaignthrottles", "-n", namespace.name, "-o", "name")
    wait_for(lambda: plane.kubectl(*left).stdout == "", "the throttles to be gone", pause=0.5)
    # Before its end: kopf may complain of a watch that it breaks off there.
    log = operator.text()
    operator.stop()
    assert "Traceback" not in log, log[-4000:]


def test_what_is_no_plain_url_is_refused_by_the_api_server(namespace: Namespace, canary: Canary) -> None:
    for url in MALFORMED:
        body = tenant("malformed", baseURL=url.format(port=canary.port))
        answer = namespace.plane.kubectl(
            *("create", "-n", namespace.name, "-f", "-", "--dry-run=server"), input=json.dumps(body), check=False
        )
        assert "baseURL must be a URL of scheme, host and perhaps path" in answer.stderr, url


def test_no_credential_leaves_for_a_hostile_address(
    operator: Operator,
    namespace: Namespace,
    plane: ControlPlane,
    recorder: Recorder,
    canary: Canary,
    server: HostileServer,
) -> None:
    tenants: dict[str, dict[str, Any]] = {}
    expected: dict[str, str] = {}

    def declare(body: dict[str, Any], reason: str) -> None:
        body["spec"]["credentialsSecretRef"] = {"name": "credentials"}
        tenants[body["metadata"]["name"]] = body
        expected[body["metadata"]["name"]] = reason

    def discovering(name: str, reason: str, document: dict[str, str], **acd: str) -> None:
        server.documents[name] = document
        declare(acd_body(name, issuer=f"{server.url}/{name}", **acd), reason)

    urls = [url.format(port=canary.port) for url in HOSTILE]
    for number, url in enumerate(urls):
        assert re.search(URL_PATTERN, url), f"{url} belongs to those that the schema refuses"
        declare(tenant(f"base-{number}", baseURL=url), "EndpointNotAllowed")
        own = f"{server.url}/api-{number}"
        if number % 2:
            discovering(f"token-{number}", "EndpointNotAllowed", {"token_endpoint": url, "api_endpoint": own})
        else:
            found = {"token_endpoint": f"{own}/token", "api_endpoint": url}
            discovering(f"api-{number}", "EndpointNotAllowed", found)
    for number, url in enumerate(urls[::5]):
        declare(acd_body(f"issuer-{number}", issuer=url), "EndpointNotAllowed")
        declare(acd_body(f"tokenurl-{number}", tokenURL=url, issuer=server.url), "EndpointNotAllowed")
        overridden = acd_body(f"override-{number}", tokenURL=f"{server.url}/override-{number}/token")
        overridden["spec"]["baseURL"] = url
        declare(overridden, "EndpointNotAllowed")
    for number, area in enumerate(AREAS):
        found = {"area": area, "api_endpoint": f"{server.url}/area-{number}"}
        discovering(f"area-{number}", "InvalidResponse", found, grant="AccessKey")
    for code in REDIRECTS:
        declare(tenant(f"redirect-{code}", baseURL=f"{server.url}/redirect-{code}"), "InvalidResponse")

    throttles = [
        manifest(name, campaignID=str(number), tenantRef={"name": name}) for number, name in enumerate(tenants, 1)
    ]
    apply(plane, [credentials(), *tenants.values(), *throttles], namespace.name)

    def reasons(kind: str) -> dict[str, str]:
        items = json.loads(plane.kubectl("get", kind, "-n", namespace.name, "-o", "json").stdout)["items"]
        return {
            item["metadata"]["name"]: conditions(item["status"]).get("Ready", {}).get("reason", "")
            for item in items
        }

    for kind in ("cxonetenants", "campaignthrottles"):
        wait_for(lambda: differing(reasons(kind), expected) == {}, f"the reason of all {kind}", pause=0.5)  # noqa: B023
    polls_again(operator, namespace, "base-0")
    polls_again(operator, namespace, "token-1")

    assert canary.came == []
    # Where the server itself grants tokens it got what a token is for; and a server of discovery got nothing.
    grants = {name for name in tenants if name.startswith(("api-", "redirect-"))}
    told = server.told(*CREDENTIALS)
    assert {f"redirect-{code}" for code in REDIRECTS} <= told <= grants
    log = operator.text()
    assert [word for word in (CLIENT_SECRET, ACCESS_KEY_SECRET, TOKEN) if word in log] == []
    assert len(urls) >= 25
    assert set(expected) == set(tenants)

    # Only a person can mend it, so nobody is kept waiting; and it never looked well for a moment.
    permanent = {name for name, reason in expected.items() if reason == "EndpointNotAllowed"}
    first: dict[tuple[str, str], str] = {}
    for version in recorder.catch_up():
        metadata, seen = version.object["metadata"], conditions(version.object.get("status", {}))
        if metadata.get("namespace") != namespace.name or not seen:
            continue
        assert seen["Ready"]["status"] != "True", metadata["name"]
        if seen["Ready"]["reason"] not in ("TenantNotFound", "CredentialsMissing"):  # applied, but not seen yet
            assert ("Stalled" in seen) is (metadata["name"] in permanent), metadata["name"]
            first.setdefault((version.kind, metadata["name"]), seen["Ready"]["reason"])
    assert {name for _, name in first} == set(tenants)
    wrong = {key: reason for key, reason in first.items() if reason != expected[key[1]]}
    assert wrong == {}
    print(
        f"{len(tenants)} tenants, {len(permanent)} of them refused, {len(server.asked)} requests to their server"
    )


def acd_body(name: str, **acd: str) -> dict[str, Any]:
    return tenant(name, api="ACD", acd={"tenantID": TENANT_ID} | acd)


def credentials() -> dict[str, Any]:
    return secret(
        "credentials",
        clientID="client",
        clientSecret=CLIENT_SECRET,
        accessKeyID="key",
        accessKeySecret=ACCESS_KEY_SECRET,
    )


def differing(found: dict[str, str], expected: dict[str, str]) -> dict[str, tuple[str | None, str]]:
    return {name: (found.get(name), reason) for name, reason in expected.items() if found.get(name) != reason}
