"""Which IP addresses a tenant may be at: public ones, so that nobody reaches into the cluster through the operator."""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

from campaign_throttle.cxone.errors import EndpointNotAllowed

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: IANA's registries of special-purpose addresses, and two services of clouds that are at addresses of their own.
#: The first network that holds an address names its kind.
_KINDS: Final[Sequence[tuple[str, Sequence[str]]]] = (
    ("an address of a cloud's metadata service", ("169.254.169.254/32", "168.63.129.16/32", "fd00:ec2::254/128")),
    ("a loopback address", ("127.0.0.0/8", "::1/128")),
    ("a link-local address", ("169.254.0.0/16", "fe80::/10")),
    ("a private address", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10")),
    ("an address of a carrier's own network", ("100.64.0.0/10",)),
    ("an unspecified address", ("0.0.0.0/8", "::/128")),
    ("a broadcast address", ("255.255.255.255/32",)),
    ("a multicast address", ("224.0.0.0/4", "ff00::/8")),
    (
        "an address for documentation",
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
    ),
    ("an address for benchmarks", ("198.18.0.0/15", "2001:2::/48")),
    # Transitions that hide an IPv4 address where only their own routers know.
    ("an address of an IPv6 transition", ("::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "192.88.99.0/24")),
    ("a reserved address", ("192.0.0.0/24", "240.0.0.0/4", "2001::/23")),
)
_NETWORKS: Final[Sequence[tuple[Network, str]]] = tuple(
    (ipaddress.ip_network(network), kind) for kind, networks in _KINDS for network in networks
)
#: All that IANA has given out for global use, so far.
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
#: An IPv4 address in the last 32 bits, which is the one that is reached: mapped, and NAT64's well-known prefix
#: (RFC 6052), through which a cluster with IPv6 alone reaches the world.
_EMBEDDING: Final = (ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96"))


def inside_kind(address: str) -> str | None:
    """What kind of address it is ("a loopback address"); None if it is a public one.

    Raises:
        ValueError: it is no IP address.
    """
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address) and any(found in network for network in _EMBEDDING):
        found = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    for network, kind in _NETWORKS:
        if found.version == network.version and found in network:
            return kind
    if isinstance(found, ipaddress.IPv6Address) and found not in _GLOBAL_UNICAST:
        return "a reserved address"
    return None


def is_public(address: str) -> bool:
    """Whether the address is one of the public internet. Raises ValueError if it is no IP address."""
    return inside_kind(address) is None


class GuardedResolver(AbstractResolver):
    """Resolves names to public addresses only.

    It is the resolver of the connections themselves, which go to the very addresses that it answered: a name that is
    rebound between a check and its use gains nothing. aiohttp doesn't ask it for hosts that are addresses already;
    those are refused by :class:`~campaign_throttle.cxone.endpoints.EndpointPolicy`. Through a proxy it is the proxy
    that resolves the tenant's name.

    Args:
        resolver: does the resolving.
        exempt: whether a host and port may be anywhere: insecure ones, and proxies.
    """

    def __init__(self, resolver: AbstractResolver, *, exempt: Callable[[str, int], bool]) -> None:
        self._resolver = resolver
        self._exempt = exempt

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host.

        Raises:
            EndpointNotAllowed: one of them is not public. Which address it is, is not told: whoever may write a
                tenant need not learn what is inside the network.
            OSError: the name can't be resolved.
        """
        found = await self._resolver.resolve(host, port, family)
        if self._exempt(host, port):
            return found
        for answer in found:
            kind = inside_kind(answer["host"])
            if kind is not None:
                raise EndpointNotAllowed(
                    f"{host} resolves to {kind}, where a public address was expected: correct the URL or the name, "
                    f"or list {host}:{port} in CAMPAIGN_THROTTLE_ALLOW_INSECURE_HOSTS if it is a simulator"
                )
        return found

    async def close(self) -> None:
        """Close the resolver within."""
        await self._resolver.close()
