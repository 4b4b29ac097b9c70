"""Hosts and origins as clients write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from server.addresses import Host, is_one_of, normal_origin, parse_host, parse_origin
from server.http.security import content_policy, origin_allowed


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://oet.example.org", "oet.example.org"),
        ("https://oet.example.org", "oet.example.org:443"),
        ("http://oet.example.org:80", "OET.Example.org"),
        ("https://OET.example.org:443", "oet.example.org"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://[::1]", "[0:0:0:0:0:0:0:1]:80"),
        ("https://oet.example.org:8443", "oet.example.org.:8443"),
    ],
)
def test_a_page_of_this_host_may_call(origin: str, host: str) -> None:
    assert origin_allowed(Headers({"origin": origin, "host": host}), ())


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://oet.example.org", "oet.example.org:443"),
        ("https://oet.example.org:8443", "oet.example.org"),
        ("https://evil.example.org", "oet.example.org"),
        ("https://oet.example.org.evil.org", "oet.example.org"),
        ("https://oet.example.org@evil.org", "evil.org"),
        ("null", "oet.example.org"),
        ("http://[", "["),
        ("http://[", "oet.example.org"),
        ("http://:1", ""),
        ("http://a:99999", "a:99999"),
        ("file://", "oet.example.org"),
        ("", "oet.example.org"),
        ("https://oet.example.org", ""),
    ],
)
def test_a_page_of_another_host_may_not(origin: str, host: str) -> None:
    assert not origin_allowed(Headers({"origin": origin, "host": host}), ())


def test_an_origin_that_is_allowed_is_however_it_is_written() -> None:
    assert normal_origin("HTTPS://Exam.example.org:443/") == "https://exam.example.org"
    allowed = ("https://exam.example.org", "http://[::1]:81")
    for origin in ("https://exam.example.org", "https://EXAM.example.org:443"):
        assert origin_allowed(Headers({"origin": origin, "host": "oet.example.org"}), allowed)
    assert not origin_allowed(Headers({"origin": "http://exam.example.org", "host": "oet.example.org"}), allowed)


def test_a_host_is_one_of_those_allowed_with_or_without_its_port() -> None:
    allowed = ("oet.example.org", "*.school.example", "[::1]:8000")
    for host in ("oet.example.org", "OET.example.org:443", "a.school.example:1", "[::1]:8000"):
        assert is_one_of(host, allowed), host
    for stranger in ("school.example", "oet.example.org.evil", "[::1]", "evil", "", None, "oet.example.org:x"):
        assert not is_one_of(stranger, allowed), stranger


def test_a_policy_names_no_address_that_a_policy_has_no_form_for() -> None:
    assert "connect-src 'self' ws://a:1 wss://a:1;" in content_policy("a:1")
    assert "connect-src 'self';" in content_policy("[::1]:8000")
    assert "connect-src 'self';" in content_policy("a; script-src *")


@given(st.text())
def test_whatever_is_written_is_a_host_or_none(text: str) -> None:
    found = parse_host(text)
    assert found is None or isinstance(found, Host)
    parse_origin(text)
    parse_origin(f"http://{text}")
    normal_origin(text)
