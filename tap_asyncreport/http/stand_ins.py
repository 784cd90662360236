"""Values in the place of secrets, where a recording is replayed: nobody is to have the real ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from tap_asyncreport.http.logins import GOOGLE_TOKEN_URL
from tap_asyncreport.http.reply import json_of

GOOGLE_KEY = "google key"
GOOGLE_KEY_AS_TEXT = f"{GOOGLE_KEY} as text"


def stand_in(name: str, kind: Any) -> Any:
    """A value of the same kind as the secret: text, or a fresh key that opens nothing."""
    if isinstance(kind, Mapping):
        return {key: stand_in(f"{name}-{key}", inner) for key, inner in kind.items()}
    kind = str(kind)
    if kind in ("RSA key", "EC key"):
        return private_key(kind)
    if kind.startswith(GOOGLE_KEY):
        _, _, token_url = kind.partition(" for ")
        key = _google_key(name, token_url or GOOGLE_TOKEN_URL)
        return json.dumps(key) if kind.startswith(GOOGLE_KEY_AS_TEXT) else key
    return f"stand-in-for-{name}"


def kind_of(value: Any) -> Any:
    """What kind of value stands in for a secret."""
    if isinstance(value, Mapping):
        if value.get("type") == "service_account":
            return _kind_of_google_key(GOOGLE_KEY, value)
        return {str(name): kind_of(item) for name, item in value.items()}
    text = str(value)
    if '"service_account"' in text:
        return _kind_of_google_key(GOOGLE_KEY_AS_TEXT, json_of(text.encode()))
    if "PRIVATE KEY-----" in text:
        return "EC key" if _is_elliptic(text) else "RSA key"
    return "text"


def _kind_of_google_key(kind: str, key: Any) -> str:
    """A key also says where it is shown for a token: Google's own place, or another one."""
    url = key.get("token_uri") if isinstance(key, Mapping) else None
    return kind if url in (None, GOOGLE_TOKEN_URL) else f"{kind} for {url}"


def _is_elliptic(text: str) -> bool:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(text.replace("\\n", "\n").strip().encode(), None)
    except (ValueError, TypeError):
        return "EC PRIVATE KEY" in text
    return isinstance(key, EllipticCurvePrivateKey)


@cache
def private_key(kind: str) -> str:
    """A fresh private key in PEM; the same for the whole process."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key: Any = ec.generate_private_key(ec.SECP256R1()) if kind == "EC key" else rsa.generate_private_key(65537, 2048)
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def _google_key(name: str, token_url: str) -> dict[str, str]:
    return {
        "type": "service_account",
        "project_id": "stand-in",
        "private_key_id": f"stand-in-for-{name}",
        "private_key": private_key("RSA key"),
        "client_email": "stand-in@stand-in.iam.gserviceaccount.com",
        "token_uri": token_url,
    }
