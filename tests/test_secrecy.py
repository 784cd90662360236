"""Secrets of odd shapes are found in every form in which one may come out, whole or cut, and nothing else is hidden."""

from __future__ import annotations

import json

import pytest
from canaries import FORMS, PART, PEM, SECRETS, leaks
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_asyncreport.http.redaction import Redactor

LINES = ("GET https://api.example.com/v1/exports/12 -> 200 in 0.2 s", '{"id": 1, "ok": true, "key": null, "a": [1, 2]}')


@pytest.mark.promise(26)
@pytest.mark.parametrize("form", FORMS)
def test_no_part_of_a_secret_is_left_in_any_form(form: str) -> None:
    spelt = {name: f"before {FORMS[form](secret)} after" for name, secret in SECRETS.items()}
    shown = {name: Redactor([SECRETS[name]]).redact(text) for name, text in spelt.items()}
    assert [] == [name for name, text in spelt.items() if not leaks(text, SECRETS[name])], "the search is blind"
    assert {} == {name: found for name, text in shown.items() if (found := leaks(text, SECRETS[name]))}
    assert [] == [text for text in shown.values() if not (text.startswith("before ") and text.endswith(" after"))]


@pytest.mark.promise(26)
@pytest.mark.parametrize("form", ["raw", "URL", "JSON", "HTML", "repr", "base64", "capitals", "CSV"])
@pytest.mark.parametrize("mark", ["…", "...", ""])
def test_a_secret_that_somebody_cut_leaves_no_part(form: str, mark: str) -> None:
    """An excerpt that ends, or begins, within a secret."""
    for name in ("percents", "base64-ish", "astral", "json", "url", "number", "newline"):
        secret = SECRETS[name]
        redactor, spelt = Redactor([secret]), FORMS[form](secret)
        for at in range(len(spelt)):
            texts = (f"begins {spelt[:at]}{mark}", f"{mark}{spelt[at:]} ends")
            assert [] == [text for text in texts if len(leaks(redactor.redact(text), secret)) > 0], (name, at)


@pytest.mark.promise(26)
def test_no_secret_is_left_where_one_holds_another() -> None:
    inner, outer = "inner-secret-1", 'outer:"inner-secret-1"/2'
    for values in ([inner, outer], [outer, inner]):
        redactor = Redactor(values)
        for form, spell in FORMS.items():
            shown = redactor.redact(f"{spell(outer)} then {spell(inner)}")
            assert ([], []) == (leaks(shown, inner), leaks(shown, outer)), form


PACKING = ("base64", "Basic", "hexa", "bytes", "surrogates", "capitals", "small", "wrapped", "on", "stripped")
LAYERS = [form for form in sorted(FORMS) if not any(word in form for word in ("twice", "thrice", "then", "JSON in"))]
odd = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("%+/=\\\"'&<>;#?\n\t {}[]$u0041xn")), min_size=10, max_size=40
).filter(lambda text: len(set(text.strip())) >= PART and "***" not in text)  # what is all zeros stands in any text


@pytest.mark.promise(26)
@settings(max_examples=300)
@given(odd, st.sampled_from(LAYERS), st.sampled_from(LAYERS))
def test_any_secret_is_hidden_in_any_form_of_any_form(secret: str, form: str, then: str) -> None:
    """Where two that escape, or one that escapes and one that packs, had it in their hands."""
    if then.startswith(PACKING) and form != "raw":
        return
    try:
        spelt = FORMS[then](FORMS[form](secret.strip()))
    except UnicodeEncodeError:
        return
    assert [] == leaks(Redactor([secret]).redact(f"before {spelt} after"), secret.strip())


@pytest.mark.parametrize("secret", ["1", "x", "true", "false", "null", "None", "no", True, False, None, ""])
def test_what_every_text_holds_is_no_secret(secret: object) -> None:
    """A setting that was put under `secrets` for order's sake blanks nothing."""
    for line in LINES:
        assert line == Redactor([secret]).redact(line)


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("id", '{"***": 1, "ident": 2, "void": "r-***"}'),
        ("abcd", '{"id": 1, "ident": 2, "void": "r-id"}'),
        ("a-longer-one", '{"id": 1, "ident": 2, "void": "r-id"}'),
    ],
)
def test_a_short_secret_is_hidden_as_a_word(secret: str, shown: str) -> None:
    assert shown == Redactor([secret]).redact('{"id": 1, "ident": 2, "void": "r-id"}')


def test_what_only_begins_like_a_secret_stays() -> None:
    redactor = Redactor(["production-key-1", "https://api.example.com/hook/9f8e7d", PEM])
    for text in ("production of reports", "https://api.example.com/v1", "-----BEGIN PRIVATE KEY-----", "is in production-"):
        assert f"{text} and more" == redactor.redact(f"{text} and more")


def test_json_stays_json() -> None:
    for name, secret in SECRETS.items():
        shown = Redactor([secret]).redact(json.dumps({"a": 1, "key": secret.strip(), "z": [secret.strip()]}))
        found = json.loads(shown)
        assert (name, ["a", "key", "z"], 1) == (name, list(found), found["a"])
