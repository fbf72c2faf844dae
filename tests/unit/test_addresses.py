"""To which addresses a download may connect."""

from __future__ import annotations

import pytest

from meshapi_video._download.addresses import AddressRules, UnsafeURL, is_public, stated_addresses

PUBLIC_ADDRESSES = ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8"]
TRANSLATED = ["64:ff9b::808:808", "2002:808:808::1"]
INSIDE = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",  # noqa: S104 - this machine as well
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2001::1",
    "2001:db8::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


def rules(*private_hosts: str) -> AddressRules:
    return AddressRules(api_host="api.example", private_hosts=frozenset(private_hosts))


def may_connect(address: str, *api_addresses: str) -> bool:
    try:
        return rules().permitted("files.example", [address], api_addresses) == [address]
    except UnsafeURL:
        return False


@pytest.mark.parametrize("address", [*PUBLIC_ADDRESSES, *TRANSLATED])
def test_a_download_may_connect_to_a_public_address(address: str) -> None:
    assert is_public(address)
    assert not rules().need_api("files.example", [address])
    assert may_connect(address)


@pytest.mark.parametrize("address", INSIDE)
def test_a_download_may_not_connect_to_an_address_that_the_internet_cannot_reach(address: str) -> None:
    assert not is_public(address)
    assert rules().need_api("files.example", [address])
    assert not may_connect(address)
    assert not may_connect(address, *PUBLIC_ADDRESSES)


def test_the_error_names_the_host_its_address_and_what_to_do() -> None:
    with pytest.raises(UnsafeURL) as caught:
        rules().permitted("files.example", ["10.0.0.1"])
    assert str(caught.value) == (
        "the URL of the file leads to files.example (10.0.0.1), which the public internet cannot reach: a forged URL "
        "could lead to a service inside your network. If the file is there, allow the host: "
        "private_hosts=['files.example'], or --private-host files.example on the command line"
    )
    with pytest.raises(UnsafeURL, match=r"leads to 10\.0\.0\.1, which"):
        rules().permitted("10.0.0.1", ["10.0.0.1"])


@pytest.mark.parametrize("address", INSIDE)
def test_a_host_that_the_user_allows_may_have_any_address(address: str) -> None:
    assert not rules("files.example").need_api("files.example", [address])
    assert rules("files.example").permitted("files.example", [address]) == [address]
    with pytest.raises(UnsafeURL):
        rules("files.example").permitted("other.example", [address])


@pytest.mark.parametrize(
    ("api", "near"),
    [
        ("127.0.0.1", {"127.0.0.1", "127.9.9.9", "::1", "::", "0.0.0.0", "::ffff:127.0.0.1"}),  # noqa: S104 - see above
        ("::1", {"127.0.0.1", "::1"}),
        ("10.1.2.3", {"10.0.0.1", "172.16.0.1", "192.168.0.1", "::ffff:10.0.0.1"}),
        ("fd00:1:2::3", {"fd00:1:2:3::4"}),
        ("169.254.1.1", {"169.254.1.1"}),
        ("100.64.0.9", {"100.64.0.9"}),
    ],
)
def test_near_the_api_a_download_may_connect_to_addresses_of_the_same_kind(api: str, near: set[str]) -> None:
    for address in near:
        assert may_connect(address, api)
    others = {"127.0.0.1", "10.0.0.1", "fd00:1:2:3::4", "169.254.169.254", "fd00:ec2::254", "100.64.0.1", "fe80::1"}
    for address in others - near:
        assert not may_connect(address, api)


def test_only_the_permitted_addresses_of_a_host_are_used() -> None:
    addresses = ["10.0.0.1", "93.184.215.14", "::1", "2606:2800::1"]
    assert rules().permitted("files.example", addresses) == ["93.184.215.14", "2606:2800::1"]
    assert rules().permitted("files.example", []) == []


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("127.1", ["127.0.0.1"]),
        ("2130706433", ["127.0.0.1"]),
        ("0x7f000001", ["127.0.0.1"]),
        ("127.0.0.1.", ["127.0.0.1"]),
        ("0", ["0.0.0.0"]),  # noqa: S104 - see above
        ("::ffff:127.0.0.1", ["::ffff:127.0.0.1"]),
        ("localhost", ["127.0.0.1"]),
        ("localhost.", ["127.0.0.1"]),
        ("foo.localhost", ["127.0.0.1"]),
        ("93.184.215.14", ["93.184.215.14"]),
        ("files.example", []),
        ("notlocalhost", []),
        ("a" * 64 + "\u00e9", []),
    ],
)
def test_an_address_in_a_url_is_read_without_a_name_lookup(host: str, addresses: list[str]) -> None:
    assert stated_addresses(host) == addresses
