"""URLs as they stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_asyncreport.errors import RequestError
from tap_asyncreport.http.urls import Origin, join_path, origin_of, parse, resolve, with_params


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("https://a.example/x", Origin("https", "a.example", 443), "/x"),
        ("HTTPS://A.Example:443/X", Origin("https", "a.example", 443), "/X"),
        ("http://a.example", Origin("http", "a.example", 80), "/"),
        ("http://a.example?x=1", Origin("http", "a.example", 80), "/?x=1"),
        ("http://a.example:8080/x#part", Origin("http", "a.example", 8080), "/x"),
        ("https://a.example/%2f%41+;[]{}|\"<>^`~?a=%2B&b=c d", Origin("https", "a.example", 443), "/%2f%41+;[]{}|\"<>^`~?a=%2B&b=c%20d"),
        ("https://a.example/ü?q=\n", Origin("https", "a.example", 443), "/%C3%BC?q="),
        ("https://[::1]:8443/x", Origin("https", "[::1]", 8443), "/x"),
        ("https://müller.example/x", Origin("https", "xn--mller-kva.example", 443), "/x"),
    ],
)
def test_a_url_is_taken_apart_without_touching_its_bytes(url, origin, target):
    parsed = parse(url)
    assert (origin, target) == (parsed.origin, parsed.target)


@pytest.mark.parametrize(
    "url",
    ["/path", "ftp://a.example/x", "https://", "https:///x", "https://a.example\\@evil.example/", "https://a b/", "https://a.example:99999/", "https://a@b@c/", ""],
)
def test_what_is_no_url_is_an_error_that_says_so(url):
    with pytest.raises(RequestError, match="is not an http or https URL"):
        parse(url)


def test_the_error_about_a_url_repeats_neither_its_query_nor_its_password():
    with pytest.raises(RequestError) as caught:
        parse("gopher://me:pass@a.example/x?sig=abc")
    assert "'a.example/x' is not an http or https URL" == caught.value.message


def test_a_user_in_the_url_is_kept_apart():
    parsed = parse("https://me%40x:p%3Ass@a.example/x")
    assert ("me@x", "p:ss", "https://a.example/x") == (parsed.user, parsed.password, str(parsed))


@pytest.mark.parametrize(
    ("url", "params", "expected"),
    [
        ("https://a/x", [("a", "1")], "https://a/x?a=1"),
        ("https://a/x?y=%2f", [("a", "b c"), ("a", "&=+/ü")], "https://a/x?y=%2f&a=b%20c&a=%26%3D%2B%2F%C3%BC"),
        ("https://a/x?", [("a", "1")], "https://a/x?a=1"),
        ("https://a/x?y=1&", [("a[b][]", "1")], "https://a/x?y=1&a%5Bb%5D%5B%5D=1"),
        ("https://a/x#part", [("a", "1")], "https://a/x?a=1"),
        ("https://a/x?y=%2f+;", [], "https://a/x?y=%2f+;"),
    ],
)
def test_parameters_are_appended_and_nothing_else_changes(url, params, expected):
    assert expected == with_params(url, params)


@pytest.mark.parametrize(
    ("base", "path", "expected"),
    [
        ("https://a/v1", "/exports", "https://a/v1/exports"),
        ("https://a/v1/", "/exports", "https://a/v1/exports"),
        ("https://a/v1", "exports?x=1", "https://a/v1/exports?x=1"),
        ("https://a/v1", "", "https://a/v1"),
        ("https://a/v1", "?x=1", "https://a/v1?x=1"),
    ],
)
def test_a_path_is_appended_with_one_slash(base, path, expected):
    assert expected == join_path(base, path)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://b/x%2fy?sig=a%2Bb+c", "https://b/x%2fy?sig=a%2Bb+c"),
        ("/y?z=%2f", "https://a:1/y?z=%2f"),
        ("y", "https://a:1/p/y"),
        ("../y", "https://a:1/y"),
        ("?z=1", "https://a:1/p/q?z=1"),
        ("//b/y", "https://b/y"),
        ("/\u00c3\u00bc", "https://a:1/ü"),  # UTF-8 bytes, read as Latin-1
    ],
)
def test_a_redirect_leads_where_its_location_says_byte_for_byte(location, expected):
    assert expected == resolve(location, "https://a:1/p/q?old=1")


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=60))
def test_every_printable_target_comes_through_untouched(target):
    assert "/" + target == parse(f"https://a.example/{target}").target


def test_the_origin_of_a_path_is_unknown():
    assert None is origin_of("/x")
    assert None is origin_of("https://exa mple/")
