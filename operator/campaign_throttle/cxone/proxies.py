"""HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as everything else in a cluster understands them.

Through a proxy the tenant's name is resolved by the proxy: the rules for hosts hold all the same, those for addresses
are the proxy's. The proxy itself is the operator's own configuration, and may be anywhere.
"""

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from campaign_throttle.cxone.endpoints import DEFAULT_PORTS, Endpoint
from campaign_throttle.cxone.errors import TenantNotReady


@dataclass(frozen=True)
class Proxy:
    """A proxy; ``authorization`` is the value of its Proxy-Authorization header."""

    url: str
    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)


class Proxies:
    """The proxies of the environment, as it was when this was made.

    Raises:
        TenantNotReady: one of the variables holds no address of an HTTP proxy.
    """

    def __init__(self) -> None:
        environment = getproxies_environment()
        self._proxies = {
            scheme: _read(scheme, environment[scheme]) for scheme in ("https", "http") if environment.get(scheme)
        }

    def of(self, endpoint: Endpoint) -> Proxy | None:
        """The proxy for an endpoint; None to reach it directly."""
        proxy = self._proxies.get(endpoint.scheme)
        if proxy is None or proxy_bypass(endpoint.authority):
            return None
        return proxy

    def are_at(self, host: str, port: int) -> bool:
        """Whether a host and port are those of a proxy."""
        return any((proxy.host, proxy.port) == (host, port) for proxy in self._proxies.values())


def _read(scheme: str, value: str) -> Proxy:
    wrong = TenantNotReady(
        f"{scheme.upper()}_PROXY of the operator is not of the form http://[user:password@]host:port: correct it"
    )
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        usual = DEFAULT_PORTS[parts.scheme]
        port = usual if parts.port is None else parts.port
    except (ValueError, KeyError):
        raise wrong from None
    host = parts.hostname
    if not host or not host.isascii() or parts.path.strip("/") or parts.query or parts.fragment:
        raise wrong
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    bracketed = f"[{host}]" if ":" in host else host
    return Proxy(f"{parts.scheme}://{bracketed}:{port}", host, port, authorization)
