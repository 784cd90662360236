"""Sandboxed Jinja2 templates, and extractors that are JSONPaths or templates."""

from tap_asyncreport.templates.compiled import is_template
from tap_asyncreport.templates.lookup import look_up
from tap_asyncreport.templates.names import LINKED_FROM
from tap_asyncreport.templates.rendering import BadTemplate, Extractor, NullInText, Template, Templates
from tap_asyncreport.templates.text import as_text, to_json

__all__ = [
    "LINKED_FROM",
    "BadTemplate",
    "Extractor",
    "NullInText",
    "Template",
    "Templates",
    "as_text",
    "is_template",
    "look_up",
    "to_json",
]
