"""The sandbox that templates are rendered in: no code, no files, no environment, no end of loops (promise 30)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NoReturn

from jinja2 import TemplateSyntaxError, UndefinedError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing, pass_context

from tap_asyncreport.response import Response
from tap_asyncreport.templates import limits
from tap_asyncreport.templates.lookup import is_open, look_up
from tap_asyncreport.templates.names import answer_of
from tap_asyncreport.templates.text import as_text

BUDGET = "\0budget"
_COUNTED = "counted items of a loop"  # no template can spell this name
_FORBIDDEN = {
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from",
    nodes.Extends: "extends",
    nodes.Block: "block",
}
_REMOVED_GLOBALS = ("lipsum", "cycler", "joiner")
_REMOVED_FILTERS = ("pprint", "xmlattr", "urlize", "forceescape", "random")
_BOUNDED_METHODS: dict[str, Callable[..., Any]] = {
    "replace": limits.replace,
    "join": limits.join,
    **{name: partial(limits.padded, name) for name in ("center", "ljust", "rjust", "zfill")},
}


class UnknownName(UndefinedError):  # noqa: N818
    """A name that is not there: `name` in `holder`, or at the top where `holder` is None."""

    def __init__(self, name: Any, holder: Any, *, at_top: bool) -> None:
        super().__init__("a name is not known")
        self.name = name
        self.holder = holder
        self.at_top = at_top


class Closed(SecurityError):  # noqa: N818
    """An attribute that templates may not have."""


class Missing(Undefined):
    """What an unknown name gives: any use but `default` and `is defined` fails; going deeper keeps the first fault."""

    __slots__ = ()

    def _fail_with_undefined_error(self, *_: Any, **__: Any) -> NoReturn:
        if self._undefined_exception is SecurityError:
            raise Closed(self._undefined_hint)
        at_top = self._undefined_obj is missing
        raise UnknownName(self._undefined_name, None if at_top else self._undefined_obj, at_top=at_top)

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__" and name[-2:] == "__":
            raise AttributeError(name)
        return self

    def __getitem__(self, _: Any) -> Any:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = _fail_with_undefined_error
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _fail_with_undefined_error
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _fail_with_undefined_error
    __pos__ = __neg__ = __call__ = __pow__ = __rpow__ = _fail_with_undefined_error
    __lt__ = __le__ = __gt__ = __ge__ = _fail_with_undefined_error
    __int__ = __float__ = __complex__ = __index__ = _fail_with_undefined_error
    __iter__ = __str__ = __len__ = __bool__ = __hash__ = _fail_with_undefined_error
    __eq__ = __ne__ = __contains__ = _fail_with_undefined_error


class _Generator(CodeGenerator):
    """Jinja's compiler, with `~` bounded like the other operators."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        self.write("environment.joined(context, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's immutable sandbox, in which keys win over methods and every operation is bounded."""

    code_generator_class = _Generator
    intercepted_binops = frozenset({"+", "*", "**", "%"})
    default_binop_table = {  # noqa: RUF012
        **ImmutableSandboxedEnvironment.default_binop_table,
        "+": limits.add,
        "*": limits.multiply,
        "**": limits.power,
        "%": limits.modulo,
    }

    def __init__(self, filters: Mapping[str, Any], names: Mapping[str, Any]) -> None:
        super().__init__(undefined=Missing, keep_trailing_newline=True, finalize=as_text)
        for name in _REMOVED_GLOBALS:
            del self.globals[name]
        for name in _REMOVED_FILTERS:
            del self.filters[name]
        self.filters |= filters
        self.filters[_COUNTED] = _counted
        self.globals |= names

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self._look(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(argument, slice) and isinstance(obj, str | list | tuple):
            return obj[argument]
        return self._look(obj, argument)

    def _look(self, obj: Any, name: Any) -> Any:
        if isinstance(obj, Undefined):
            return obj
        try:
            return look_up(obj, name)
        except KeyError:
            return self._attribute(obj, str(name)) if isinstance(name, str) else self.undefined(obj=obj, name=name)

    def _attribute(self, obj: Any, name: str) -> Any:
        if isinstance(obj, Response) or not hasattr(obj, name):
            return self.undefined(obj=obj, name=name)
        if name.startswith("_"):
            return self.unsafe_undefined(obj, name)
        value = getattr(obj, name)
        if not is_open(obj, name, value):
            return self.unsafe_undefined(obj, name)
        if isinstance(obj, str) and name in _BOUNDED_METHODS:
            return partial(_BOUNDED_METHODS[name], obj)
        return self._formatting(obj, value) or value

    def _formatting(self, obj: Any, value: Any) -> Any:
        wrapped = self.wrap_str_format(value)
        if wrapped is not None:
            limits.sound_format(obj)
        return wrapped

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        name = attribute if attribute.isidentifier() else "an attribute"
        return self.undefined(f"`{name}` is closed to templates", name=attribute, obj=obj, exc=SecurityError)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        result = self.binop_table[operator](left, right)
        if isinstance(result, str | list):
            context[BUDGET].spend(len(result))
        return result

    def joined(self, context: Context, parts: tuple[Any, ...]) -> str:
        """What `~` makes of its operands."""
        texts = [as_text(part) for part in parts]
        context[BUDGET].spend(sum(map(len, texts)))
        return "".join(texts)

    def checked(self, tree: nodes.Template) -> nodes.Template:
        """The tree, with its loops counted; raises TemplateSyntaxError for what templates may not hold."""
        for kind, name in _FORBIDDEN.items():
            for found in tree.find_all(kind):
                raise TemplateSyntaxError(f"`{{% {name} %}}` is not available here", found.lineno)
        for loop in tree.find_all(nodes.For):
            if loop.recursive:
                raise TemplateSyntaxError("a recursive loop is not available here", loop.lineno)
            loop.iter = nodes.Filter(loop.iter, _COUNTED, [], [], None, None, lineno=loop.lineno)
        for link in tree.find_all(nodes.Filter):
            if link.name == "absolute" and not link.args and link.node is not None and (path := answer_of(link.node)):
                link.args = [_chain(path, link.lineno)]
        return tree.set_environment(self)  # type: ignore[return-value]


def _chain(path: tuple[str, ...], line: int) -> nodes.Expr:
    node: nodes.Expr = nodes.Name(path[0], "load", lineno=line)
    for part in path[1:]:
        node = nodes.Getattr(node, part, "load", lineno=line)
    return node


@pass_context
def _counted(context: Context, items: Any) -> Any:
    return context[BUDGET].each(items)
