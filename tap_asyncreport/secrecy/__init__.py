"""Secrets found in texts by their values: what they are, how they may be spelt, where they stand."""
