"""Where credentials may be sent: https, to hosts of CXone, and nowhere inside a network.

A namespace's editor may write any URL into a tenant, and CXone's discovery answers with URLs; both pass here before
anything is sent. The grammar is narrower than that of RFC 3986 on purpose: what it lets through has one reading only,
whoever parses it (urllib, httpx and yarl are held to that by a test), and requests go to the URL put together again
from what was read here.

Any port is allowed: the trust is in the name, and whoever answers on another port must show a certificate for that
name as well. Names are looked at once more when they are resolved: see ``addresses``.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from campaign_throttle.cxone.errors import EndpointNotAllowed

DEFAULT_SUFFIXES = ("nicecxone.com", "niceincontact.com", "nice-incontact.com", "incontact.com")
DEFAULT_PORTS: Final = {"https": 443, "http": 80}
URL_LENGTH = 4096

_URL = re.compile(
    r"([Hh][Tt][Tt][Pp][Ss]?)://"
    r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,254})"
    r"(?::([0-9]{1,5}))?"
    r"((?:/(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*)*)"
)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
#: A last label like this makes an IPv4 address of a name in some parsers: 2130706433, 127.1, 0x7f.1, 017700000001.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

_SHAPE = (
    "the URL is not of the form https://host[:port][/path] with a plain host name and no user, query or fragment: "
    "correct it"
)


@dataclass(frozen=True)
class Endpoint:
    """A URL in one piece only: ``host`` in lower case without brackets, ``port`` always set, ``path`` as it was."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port, as in ``CAMPAIGN_THROTTLE_ALLOW_INSECURE_HOSTS``."""
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and, where it isn't the usual one, port."""
        usual = self.port == DEFAULT_PORTS[self.scheme]
        return f"{self.scheme}://{_bracketed(self.host) if usual else self.authority}"

    @property
    def url(self) -> str:
        """The URL, normalised."""
        return self.origin + self.path


def parse(url: str) -> Endpoint:
    """The parts of a URL.

    Raises:
        EndpointNotAllowed: it has another form than a tenant's URLs may have. The message doesn't repeat it: there
            may be a password in it.
    """
    match = _URL.fullmatch(url) if len(url) <= URL_LENGTH else None
    if match is None:
        raise EndpointNotAllowed(_SHAPE)
    scheme, host, port, path = match[1].lower(), match[2].lower(), match[3], match[4]
    if host.startswith("["):
        host = _ipv6(host[1:-1])
    else:
        host = host.removesuffix(".")  # the root's; certificates and lists don't have it
        if not _is_host_name(host):
            raise EndpointNotAllowed(_SHAPE)
    number = DEFAULT_PORTS[scheme] if port is None else int(port)
    if not 0 < number < 65536:
        raise EndpointNotAllowed(_SHAPE)
    return Endpoint(scheme, host, number, path)


@dataclass(frozen=True)
class EndpointPolicy:
    """Which hosts may be spoken to.

    Args:
        allowed_suffixes: a host must be one of these domains, or be within one.
        insecure_hosts: ``host:port`` of simulators. They may be plain http, and may be within a network.

    Raises:
        ValueError: a suffix is no domain of at least two labels.
    """

    allowed_suffixes: tuple[str, ...] = DEFAULT_SUFFIXES
    insecure_hosts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        suffixes = tuple(suffix.strip().lower().removeprefix("*").strip(".") for suffix in self.allowed_suffixes)
        for suffix in suffixes:
            if "." not in suffix or not _is_host_name(suffix) or _is_address(suffix):
                raise ValueError(f"{suffix[:253]!r} is not a domain such as nicecxone.com")
        object.__setattr__(self, "allowed_suffixes", suffixes)
        object.__setattr__(self, "insecure_hosts", frozenset(host.strip().lower() for host in self.insecure_hosts))

    def is_insecure(self, host: str, port: int) -> bool:
        """Whether the host is listed as insecure; one without a port is listed with those of http and https."""
        name = _bracketed(host)
        return f"{name}:{port}" in self.insecure_hosts or (
            port in DEFAULT_PORTS.values() and name in self.insecure_hosts
        )

    def check(self, url: str) -> None:
        """Whether requests, and with them credentials, may be sent to a URL.

        Raises:
            EndpointNotAllowed: they may not; the message is the same for the same URL.
        """
        self.admit(parse(url))

    def admit(self, endpoint: Endpoint) -> None:
        """Like :meth:`check`, of a URL that was parsed before. Raises EndpointNotAllowed."""
        host = endpoint.host
        literal = _is_address(host)
        if self.is_insecure(host, endpoint.port) and (not literal or _is_canonical(host)):
            return
        if literal:
            raise EndpointNotAllowed(
                f"{host} is an IP address, where the name of a CXone host was expected: correct the URL, or list "
                f"{endpoint.authority} in CAMPAIGN_THROTTLE_ALLOW_INSECURE_HOSTS if it is a simulator"
            )
        if not any(host == suffix or host.endswith(f".{suffix}") for suffix in self.allowed_suffixes):
            raise EndpointNotAllowed(
                f"{host} is not a host of CXone, expected a name within {', '.join(self.allowed_suffixes)}: "
                "correct the URL, or add the domain to CAMPAIGN_THROTTLE_ALLOWED_HOSTS of the operator"
            )
        if endpoint.scheme != "https":
            raise EndpointNotAllowed(
                f"plain http to {host} would send credentials in the clear: use https, or list "
                f"{endpoint.authority} in CAMPAIGN_THROTTLE_ALLOW_INSECURE_HOSTS if it is a simulator"
            )


def _is_host_name(host: str) -> bool:
    """Letters, digits and hyphens (RFC 1123). Punycode is left out: a name that reads like another serves nobody."""
    labels = host.split(".")
    return len(host) <= 253 and all(
        _LABEL.fullmatch(label) is not None and not label.startswith("xn--") for label in labels
    )


def _is_address(host: str) -> bool:
    """Whether somebody might read the host as an IP address, however it is spelled."""
    return ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def _is_canonical(literal: str) -> bool:
    try:
        return str(ipaddress.ip_address(literal)) == literal
    except ValueError:
        return False


def _ipv6(text: str) -> str:
    try:
        return ipaddress.IPv6Address(text).compressed
    except ValueError:
        raise EndpointNotAllowed(_SHAPE) from None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
