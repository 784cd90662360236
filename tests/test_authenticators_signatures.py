"""Signatures, against published vectors."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime

import pytest
from http_kit import NOW, FakeClock, Kit
from sockets import answer, serving

from tap_asyncreport.config.authenticators import AwsSigV4, OAuth1
from tap_asyncreport.errors import RequestError
from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.http.calls import Outgoing
from tap_asyncreport.http.credentials import Rendering
from tap_asyncreport.http.signatures import AwsCredentials, OAuth1Credentials
from tap_asyncreport.templates import Templates

AWS_KEY, AWS_SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
STS_TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/"
    "qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7Z"
    "D0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)


def rendering():
    return Rendering(Templates(now=NOW), {}, Redactor())


def aws(outgoing, at=datetime(2015, 8, 30, 12, 36, tzinfo=UTC), **more):
    model = AwsSigV4(type="aws_sigv4", access_key=AWS_KEY, secret_key=AWS_SECRET, **{"region": "us-east-1", "service": "service", **more})
    AwsCredentials(model, rendering(), FakeClock(at)).apply(outgoing)
    return outgoing


@pytest.mark.parametrize(
    ("name", "method", "target", "headers", "body", "signed", "signature"),
    [
        ("get-vanilla", "GET", "/", {}, None, "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("post-vanilla", "POST", "/", {}, None, "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", {}, None, "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        ("get-vanilla-query-unreserved", "GET", "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", {}, None, "host;x-amz-date", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"),
        ("get-vanilla-utf8-query", "GET", "/?%E1%88%B4=bar", {}, None, "host;x-amz-date", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        ("post-x-www-form-urlencoded", "POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, b"Param1=value1", "content-type;host;x-amz-date", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
    ],
)  # fmt: skip
def test_the_aws_signature_version_4_test_suite(name, method, target, headers, body, signed, signature):
    outgoing = aws(Outgoing(method, "https://example.amazonaws.com" + target, {"User-Agent": "x", "Accept-Encoding": "gzip", **headers}, body))
    assert (
        f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={signed}, Signature={signature}",
        "20150830T123600Z",
    ) == (outgoing.headers["Authorization"], outgoing.headers["X-Amz-Date"])


def test_the_aws_suites_session_token():
    outgoing = aws(Outgoing("POST", "https://example.amazonaws.com/"), session_token=STS_TOKEN)
    assert STS_TOKEN == outgoing.headers["X-Amz-Security-Token"]
    assert outgoing.headers["Authorization"].endswith(
        "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    )


def test_the_s3_example_of_the_aws_documentation():
    outgoing = Outgoing("GET", "https://examplebucket.s3.amazonaws.com/?lifecycle")
    model = AwsSigV4(
        type="aws_sigv4", access_key="AKIAIOSFODNN7EXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region="us-east-1", service="s3"
    )
    AwsCredentials(model, rendering(), FakeClock(datetime(2013, 5, 24, tzinfo=UTC))).apply(outgoing)
    assert hashlib.sha256(b"").hexdigest() == outgoing.headers["X-Amz-Content-SHA256"]
    assert outgoing.headers["Authorization"].endswith("Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")


def verified(asked, secret, region, service):
    """Whether the signature of a request fits what arrived, by the recipe of AWS's documentation."""
    authorization = asked.headers["authorization"]
    signed = re.search("SignedHeaders=([^,]+)", authorization)[1].split(";")
    scope = re.search("Credential=[^/]+/([^,]+)", authorization)[1]
    path, _, query = asked.target.partition("?")
    canonical = "\n".join([
        asked.method, path.replace("%", "%25"), "&".join(sorted(query.split("&"))),
        *(f"{name}:{asked.headers[name]}" for name in signed), "", ";".join(signed), hashlib.sha256(asked.body).hexdigest(),
    ])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = "\n".join(["AWS4-HMAC-SHA256", asked.headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest() == re.search("Signature=(.+)", authorization)[1]


def test_an_aws_signature_fits_what_arrives():
    auth = {"type": "aws_sigv4", "access_key": "{{ secrets.id }}", "secret_key": "{{ secrets.key }}", "region": "eu-central-1", "service": "athena"}
    with serving(answer("{}")) as api:
        kit = Kit(base_url=api.url, secrets={"id": AWS_KEY, "key": AWS_SECRET}, authenticator=auth)
        headers = (("X-Amz-Target", "AmazonAthena.GetQueryExecution"), ("Content-Type", "application/x-amz-json-1.1"))
        kit.send("POST", "/a%20b", body=b'{"x": 1}', headers=headers, params=(("b", "c d"), ("a", "+/")))
    [asked] = api.asked
    assert "content-type;host;x-amz-date;x-amz-target" == re.search("SignedHeaders=([^,]+)", asked.headers["authorization"])[1]
    assert verified(asked, AWS_SECRET, "eu-central-1", "athena")
    assert "AWS4-HMAC-SHA256 ***" == dict(kit.exchanges[0].call.headers)["Authorization"]


def test_a_redirect_within_the_origin_is_signed_anew():
    auth = {"type": "aws_sigv4", "access_key": AWS_KEY, "secret_key": AWS_SECRET, "region": "us-east-1", "service": "service"}
    with serving(lambda asked: answer("{}") if asked.target == "/new" else answer("", 307, Location="/new")) as api:
        Kit(base_url=api.url, authenticator=auth).send("POST", "/old", body=b"{}")
    assert [True, True] == [verified(asked, AWS_SECRET, "us-east-1", "service") for asked in api.asked]


def oauth1(outgoing, *, at, nonce, **keys):
    model = OAuth1(type="oauth1", **keys)
    OAuth1Credentials(model, rendering(), FakeClock(datetime.fromtimestamp(at, UTC)), nonce).apply(outgoing)
    return dict(re.findall('(\\w+)="([^"]*)"', outgoing.headers["Authorization"]))


PHOTOS = {"consumer_key": "dpf43f3p2l4k3l03", "consumer_secret": "kd94hf93k423kf44", "token": "nnch734d00sl2jdk", "token_secret": "pfkkdhi9sl3r4s00"}


def test_the_example_of_oauth_core_1_0():
    outgoing = Outgoing("GET", "http://photos.example.net/photos?file=vacation.jpg&size=original")
    found = oauth1(outgoing, at=1191242096, nonce="kllo9940pd9333jh", realm="http://photos.example.net/", **PHOTOS)
    assert ("tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D", "http://photos.example.net/") == (found["oauth_signature"], found["realm"])


def test_plaintext_signatures():
    found = oauth1(Outgoing("GET", "https://a.example/x"), at=1, nonce="n", signature_method="PLAINTEXT", **PHOTOS)
    assert "kd94hf93k423kf44%26pfkkdhi9sl3r4s00" == found["oauth_signature"]


TWITTER = {
    "consumer_key": "xvz1evFS4wEEPTGEFPHBog", "consumer_secret": "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
    "token": "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", "token_secret": "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
}  # fmt: skip


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        ("https://api.twitter.com/1.1/statuses/update.json?include_entities=true", "hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D"),
        ("https://api.twitter.com/1/statuses/update.json?include_entities=true", "tnnArxj06cWHq44gCs1OSKk%2FjLY%3D"),
    ],
)
def test_the_example_of_twitters_documentation(url, signature):
    body = b"status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21"
    outgoing = Outgoing("POST", url, {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, body)
    found = oauth1(outgoing, at=1318622958, nonce="kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", **TWITTER)
    assert signature == found["oauth_signature"]
    assert url == outgoing.url


def test_json_bodies_and_odd_queries_can_be_signed():
    outgoing = Outgoing("POST", 'https://a.example/x?a[]="1"&b={c}|d', {"Content-Type": "application/json"}, b'{"a": 1}')
    found = oauth1(outgoing, at=1, nonce="n", signature_method="HMAC-SHA256", **PHOTOS)
    again = Outgoing("POST", "https://a.example/x?a%5B%5D=%221%22&b=%7Bc%7D%7Cd")
    assert found["oauth_signature"] == oauth1(again, at=1, nonce="n", signature_method="HMAC-SHA256", **PHOTOS)["oauth_signature"]


def test_what_cannot_be_signed_is_an_error():
    outgoing = Outgoing("POST", "https://a.example/x", {"Content-Type": "application/x-www-form-urlencoded"}, b"{not a form}")
    with pytest.raises(RequestError, match="the request cannot be signed with OAuth 1.0"):
        oauth1(outgoing, at=1, nonce="n", **PHOTOS)


def test_each_request_has_a_nonce_of_its_own():
    with serving(answer("{}")) as api:
        kit = Kit(base_url=api.url, authenticator={"type": "oauth1", **PHOTOS})
        kit.send("GET", "/a")
        kit.send("GET", "/a")
    nonces = [re.search('oauth_nonce="([^"]+)"', asked.headers["authorization"])[1] for asked in api.asked]
    assert 2 == len(set(nonces))
    assert f'oauth_timestamp="{int(NOW.timestamp())}"' in api.asked[0].headers["authorization"]
