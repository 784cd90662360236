"""The one door to the network: session, authenticators, rates, redaction, observers."""
