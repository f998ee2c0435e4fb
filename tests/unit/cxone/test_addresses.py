"""Which addresses are public: held against IANA's registries, and against Python's own idea of them."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_throttle.cxone.addresses import inside_kind, is_public

KINDS = {
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "::1": "loopback",
    "0.0.0.0": "unspecified",
    "0.1.2.3": "unspecified",
    "::": "unspecified",
    "10.255.255.255": "private",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.168.1.1": "private",
    "fc00::1": "private",
    "fd12:3456::1": "private",
    "fec0::1": "private",
    "169.254.0.1": "link-local",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "febf::1": "link-local",
    "169.254.169.254": "metadata",
    "168.63.129.16": "metadata",
    "fd00:ec2::254": "metadata",
    "100.64.0.1": "carrier",
    "100.100.100.200": "carrier",
    "100.127.255.255": "carrier",
    "224.0.0.1": "multicast",
    "239.255.255.255": "multicast",
    "ff02::1": "multicast",
    "255.255.255.255": "broadcast",
    "240.0.0.1": "reserved",
    "192.0.0.8": "reserved",
    "192.0.2.1": "documentation",
    "198.51.100.7": "documentation",
    "203.0.113.9": "documentation",
    "2001:db8::1": "documentation",
    "3fff::1": "documentation",
    "198.18.0.1": "benchmarks",
    "198.19.255.255": "benchmarks",
    "2001:2::1": "benchmarks",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:10.0.0.1": "private",
    "::ffff:169.254.169.254": "metadata",
    "::127.0.0.1": "transition",
    "::7f00:1": "transition",
    "64:ff9b::127.0.0.1": "loopback",
    "64:ff9b::10.0.0.1": "private",
    "64:ff9b::169.254.169.254": "metadata",
    "64:ff9b:1::8.8.8.8": "transition",
    "64:ff9b:1:ffff::7f00:1": "transition",
    "2002:7f00:1::": "transition",
    "2002:a9fe:a9fe::1": "transition",
    "2001:0:4136:e378:8000:63bf:80ff:fffe": "transition",
    "192.88.99.1": "transition",
    "2001:10::1": "reserved",
    "2001:20::1": "reserved",
    "100::1": "reserved",
    "5f00::1": "reserved",
    "4000::1": "reserved",
    "::fffe:8.8.8.8": "reserved",
}
PUBLIC = [
    *("8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
    *("128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255"),
    *("192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
    *("2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888", "2003::1"),
    *("::ffff:8.8.8.8", "64:ff9b::8.8.8.8"),
]


@pytest.mark.parametrize("address", KINDS)
def test_an_address_that_is_not_public_is_of_a_kind(address):
    assert not is_public(address)
    assert KINDS[address] in inside_kind(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_neighbours_of_what_is_not_public_are(address):
    assert inside_kind(address) is None


@given(st.ip_addresses())
def test_nothing_is_public_that_python_calls_otherwise(address):
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_link_local:
        embedding = address.version == 6 and (
            address.ipv4_mapped or address in ipaddress.ip_network("64:ff9b::/96")
        )
        assert embedding or not is_public(str(address))


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_what_it_embeds_or_less(address):
    number = int(address)
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        assert is_public(str(ipaddress.ip_address(int(ipaddress.ip_address(prefix)) + number))) == is_public(
            str(address)
        )
    assert not is_public(str(ipaddress.ip_address((0x2002 << 112) + (number << 80))))
    assert not is_public(str(ipaddress.IPv6Address(number)))


def test_what_is_no_address_is_no_public_one():
    with pytest.raises(ValueError, match="address"):
        is_public("api.nicecxone.com")
