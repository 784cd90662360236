"""The one door to the network: session, authenticators, rates, redaction, observers."""

from tap_asyncreport.http.calls import Call, Exchange
from tap_asyncreport.http.credentials import Credentials
from tap_asyncreport.http.network import Broken, ConnectionRefused, NetworkError, NotReady, ReadTimeout
from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.http.reply import Reply
from tap_asyncreport.http.retry_after import parse_retry_after, parse_wait
from tap_asyncreport.http.session import Http

__all__ = [
    "Broken",
    "Call",
    "ConnectionRefused",
    "Credentials",
    "Exchange",
    "Http",
    "NetworkError",
    "NotReady",
    "ReadTimeout",
    "Redactor",
    "Reply",
    "parse_retry_after",
    "parse_wait",
]
