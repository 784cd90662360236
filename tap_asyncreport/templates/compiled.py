"""One text with templates in it: parsed, its names read, compiled when it is first rendered."""

from __future__ import annotations

import difflib
import re
import threading
from collections.abc import Mapping
from typing import Any

from jinja2 import Template, TemplateSyntaxError, nodes

from tap_asyncreport.templates.limits import Budget
from tap_asyncreport.templates.names import chains_in, names_in
from tap_asyncreport.templates.sandbox import BUDGET, Sandbox
from tap_asyncreport.templates.text import plain

_TAG = re.compile(r"\{\{|\{%|\{#")
_TAGS = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)
_CR = "\ue00d"  # stands for a carriage return, which Jinja would turn into a line feed
_RESULT = "result_of_the_expression"


def is_template(text: object) -> bool:
    """Whether a text holds anything to render."""
    return isinstance(text, str) and _TAG.search(text) is not None


class CompiledText:
    """A text with templates; one that is a single `{{ expression }}` and nothing else keeps the expression's type.

    Raises TemplateSyntaxError where it is none. `chains` are the names as written, for messages.
    """

    def __init__(self, sandbox: Sandbox, source: str) -> None:
        tree = _parsed(sandbox, source)
        self.source = source
        self.names = names_in(tree)
        self.chains = chains_in(tree)
        _check(sandbox, tree)
        expression = _only_expression(tree)
        self._alone = expression is not None
        if expression is not None:
            tree.body = [nodes.Assign(nodes.Name(_RESULT, "store"), expression, lineno=1)]
        self._tree = sandbox.checked(tree)
        self._sandbox = sandbox
        self._compiled: Template | None = None
        self._compiling = threading.Lock()

    def value(self, scope: Mapping[str, Any]) -> Any:
        """What it renders to; raises whatever the rendering raises."""
        budget = Budget()
        compiled = self._template()
        context = compiled.new_context({**self._sandbox.globals, **scope, BUDGET: budget}, shared=True)
        texts = []
        for text in compiled.root_render_func(context):
            budget.spend(len(text))
            texts.append(text)
        return plain(context.vars[_RESULT]) if self._alone else "".join(texts)

    def _template(self) -> Template:
        if self._compiled is None:
            with self._compiling:
                self._compiled = self._compiled or self._sandbox.from_string(self._tree)
        return self._compiled

    def line_of(self, error: BaseException) -> int | None:
        """The line of the template in which a rendering failed."""
        line, at = None, error.__traceback__
        while at is not None and self._compiled is not None:
            if at.tb_frame.f_code.co_filename == "<template>":
                line = self._compiled.get_corresponding_lineno(at.tb_lineno)
            at = at.tb_next
        return line


def _parsed(sandbox: Sandbox, source: str) -> nodes.Template:
    """The syntax tree, carriage returns of the text kept."""
    if "\r" not in source:
        return sandbox.parse(source)
    pieces = _TAGS.split(source)
    tree = sandbox.parse("".join(p if number % 2 else p.replace("\r", _CR) for number, p in enumerate(pieces)))
    for text in tree.find_all(nodes.TemplateData):
        text.data = text.data.replace(_CR, "\r")
    return tree


def _only_expression(tree: nodes.Template) -> nodes.Expr | None:
    """The expression, where the template is that and nothing else, but for the line feed that ends a block of YAML."""
    if not all(isinstance(part, nodes.Output) for part in tree.body):
        return None
    parts = [part for output in tree.body if isinstance(output, nodes.Output) for part in output.nodes]
    if not parts or isinstance(parts[0], nodes.TemplateData):
        return None
    behind = [part.data if isinstance(part, nodes.TemplateData) else None for part in parts[1:]]
    return parts[0] if behind in ([], ["\n"]) else None


# What other tools call our filters.
_OTHERS = {
    **dict.fromkeys(("date", "date_format", "format_date", "format_datetime", "dateformat"), "strftime('%Y-%m-%d')"),
    **dict.fromkeys(("isoformat", "to_iso", "iso8601"), "iso"),
    **dict.fromkeys(("base64", "b64encode", "base64encode"), "b64"),
    **dict.fromkeys(("quote", "url_encode", "urlquote", "escape_url"), "urlencode"),
    **dict.fromkeys(("timestamp", "to_epoch", "unix"), "epoch"),
    **dict.fromkeys(("md5", "sha256", "sha1"), "hash"),
    **dict.fromkeys(("add", "add_days", "date_add"), "plus('1d')"),
    **dict.fromkeys(("sub", "subtract", "date_sub"), "minus('1d')"),
}


def _check(sandbox: Sandbox, tree: nodes.Template) -> None:
    """Filters and tests must exist, also where they are used only in a branch."""
    kinds: tuple[tuple[type[nodes.Filter | nodes.Test], Mapping[str, Any]], ...] = (
        (nodes.Filter, sandbox.filters),
        (nodes.Test, sandbox.tests),
    )
    for kind, known in kinds:
        for used in tree.find_all(kind):
            if used.name not in known:
                names = [name for name in known if name.isidentifier()]
                close = [*filter(None, [_OTHERS.get(used.name)]), *difflib.get_close_matches(used.name, names, 1)]
                meant = f"; did you mean `{close[0]}`?" if close else ""
                raise TemplateSyntaxError(f"there is no {kind.__name__.lower()} `{used.name}`{meant}", used.lineno)
