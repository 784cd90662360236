"""What the models cannot see alone: names in templates, keys that speak of each other, words in two classes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from tap_asyncreport.config.checks.draft import Draft
from tap_asyncreport.config.checks.steps import step_problems
from tap_asyncreport.config.checks.streams import stream_problems
from tap_asyncreport.config.checks.texts import TextCheck
from tap_asyncreport.config.checks.variables import variable_problems
from tap_asyncreport.errors import Problem
from tap_asyncreport.templates import Templates


def all_problems(draft: Draft, *, require_secrets: bool) -> Iterator[Problem]:
    """Everything that is wrong with a configuration beyond single values."""
    templates = Templates(now=datetime(2000, 1, 1, tzinfo=UTC))
    yield from TextCheck(draft, templates, require_secrets=require_secrets).problems()
    yield from step_problems(draft)
    yield from stream_problems(draft)
    yield from variable_problems(draft)
