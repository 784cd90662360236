"""What a declared JSON Schema asks of a value beyond its type, so that every record is valid against it."""

from __future__ import annotations

import json
from collections.abc import Callable

from tap_asyncreport.decoding.fields import Field
from tap_asyncreport.decoding.source import Misfit


def rule_check(field: Field) -> Callable[[str], None] | None:
    """A check, which raises Misfit, of written JSON against the property's other keywords; None where it has none."""
    if field.rules is None:
        return None
    from jsonschema.validators import validator_for

    validator = validator_for(field.rules)(field.rules)

    def check(written: str) -> None:
        problem = next(validator.iter_errors(json.loads(written)), None)
        if problem is not None:
            raise Misfit(f"is against the schema: {problem.validator} {problem.validator_value!r}")

    return check
