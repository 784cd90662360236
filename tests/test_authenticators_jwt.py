"""JSON Web Tokens: against published ones, with every kind of key, sent themselves or exchanged; Google's service accounts."""

from __future__ import annotations

import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from http_kit import NOW, Kit
from sockets import answer, serving
from test_authenticators import Api, asked_of, fields, sent

from tap_asyncreport.errors import LoginError
from tap_asyncreport.http.logins import signed


@pytest.mark.filterwarnings("ignore:The HMAC key is 19 bytes long")
def test_the_example_of_jwt_io():
    claims = {"sub": "1234567890", "name": "John Doe", "iat": 1516239022}
    expected = (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ."
        "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
    )
    assert expected == signed(claims, "your-256-bit-secret", "HS256", {})


def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


@pytest.fixture(scope="module")
def keys():
    return {"RS256": rsa_key(), "ES256": ec.generate_private_key(ec.SECP256R1())}


def read(token, key, algorithm, **options):
    return jwt.decode(token, key, algorithms=[algorithm], options={"verify_exp": False, "verify_iat": False, "verify_aud": False, **options})


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize("escaped", [False, True])
def test_a_signed_token_is_sent_itself(keys, algorithm, escaped):
    key = keys[algorithm]
    secret = pem(key).replace("\n", "\\n") if escaped else pem(key)
    auth = {
        "type": "jwt", "algorithm": algorithm, "key": "{{ secrets.key }}", "lifetime": "10m",
        "claims": {"iss": "{{ vars.who }}", "aud": "api-v1", "jti": "{{ uuid() }}"}, "headers": {"kid": "K1"},
    }
    with serving(answer("{}")) as api:
        kit = Kit(base_url=api.url, secrets={"key": secret}, vars={"who": "us"}, authenticator=auth)
        kit.send("GET", "/a")
        kit.send("GET", "/a")
        kit.clock.wait(600)
        kit.send("GET", "/a")
    one, same, other = [value.removeprefix("Bearer ") for value in sent(api)]
    issued = int(NOW.timestamp())
    claims = read(one, key.public_key(), algorithm)
    assert {"iss": "us", "aud": "api-v1", "iat": issued, "exp": issued + 600} == {name: claims[name] for name in claims if name != "jti"}
    assert {"alg": algorithm, "typ": "JWT", "kid": "K1"} == jwt.get_unverified_header(one)
    assert (one, issued + 600) == (same, read(other, key.public_key(), algorithm)["iat"])
    assert "***" == kit.redactor.redact(one)


def test_hs256_and_claims_of_ones_own():
    auth = {"type": "jwt", "algorithm": "HS256", "key": "{{ secrets.k }}", "claims": {"iat": "{{ now | epoch }}", "exp": 5}}
    with serving(answer("{}")) as api:
        Kit(base_url=api.url, secrets={"k": "x" * 32}, authenticator=auth).send("GET", "/a")
    assert {"iat": int(NOW.timestamp()), "exp": 5} == read(sent(api)[0].removeprefix("Bearer "), "x" * 32, "HS256")


def test_a_signed_token_is_exchanged(keys):
    auth = {
        "type": "jwt", "key": "{{ secrets.key }}", "claims": {"iss": "us"}, "token_url": "/token",
        "grant_type": "client_credentials", "assertion_field": "client_assertion", "extra": {"scope": "x"},
    }
    with serving(Api({"access_token": "tok-abc", "expires_in": 60})) as api:
        Kit(base_url=api.url, secrets={"key": pem(keys["RS256"])}, authenticator=auth).send("GET", "/a")
    form = fields(asked_of(api)[0])
    assert "us" == read(form.pop("client_assertion"), keys["RS256"].public_key(), "RS256")["iss"]
    assert {"grant_type": "client_credentials", "scope": "x"} == form
    assert ["Bearer tok-abc"] == sent(api)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_key_that_cannot_sign_is_a_login_error_that_does_not_show_it(algorithm):
    auth = {"type": "jwt", "algorithm": algorithm, "key": "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5IGF0IGFsbA\n-----END PRIVATE KEY-----"}
    with pytest.raises(LoginError, match=f"`authenticator.key` cannot sign with {algorithm}") as caught:
        Kit(base_url="http://127.0.0.1:1", authenticator=auth).send("GET", "/a")
    assert "bm90" not in f"{caught.value.message} {caught.value.hint} {caught.value.__cause__}"


@pytest.mark.parametrize("as_text", [False, True])
def test_a_google_service_account(keys, as_text):
    with serving(Api({"access_token": "ya29.token", "expires_in": 3599})) as api:
        key = {
            "type": "service_account", "client_email": "me@project.example", "private_key": pem(keys["RS256"]),
            "private_key_id": "id-1234567", "token_uri": api.url + "/token",
        }
        auth = {"type": "google_service_account", "key": "{{ secrets.google }}", "scopes": ["scope-a", "scope-b"], "subject": "ads@example.com"}
        kit = Kit(base_url=api.url, secrets={"google": json.dumps(key) if as_text else key}, authenticator=auth)
        kit.send("GET", "/a")
    form = fields(asked_of(api)[0])
    assert "urn:ietf:params:oauth:grant-type:jwt-bearer" == form["grant_type"]
    issued = int(NOW.timestamp())
    assert {
        "iss": "me@project.example", "scope": "scope-a scope-b", "aud": api.url + "/token", "sub": "ads@example.com",
        "iat": issued, "exp": issued + 3600,
    } == read(form["assertion"], keys["RS256"].public_key(), "RS256")
    assert "id-1234567" == jwt.get_unverified_header(form["assertion"])["kid"]
    assert ["Bearer ya29.token"] == sent(api)


@pytest.mark.parametrize("key", ["not json", {"client_email": "x"}, "[]", 5])
def test_what_is_no_google_key_is_a_login_error(key):
    auth = {"type": "google_service_account", "key": key, "scopes": ["s"]}
    with pytest.raises(LoginError, match="`authenticator.key` is no service account's key: it has no .*private_key"):
        Kit(base_url="http://127.0.0.1:1", authenticator=auth).send("GET", "/a")
