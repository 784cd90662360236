"""Which names a template uses, read from its syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import nodes

LINKED_FROM = "\0linked_from"  # the URL of the answer that a download target stood in; no template can name it
ANSWERS = ("polling_response", "creation_response")  # what `absolute` resolves against, in this order
Path = tuple[str, ...]
Deep = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """`paths` are all names used, as far as they are fixed; `optional` those that `default` or `is defined` guards.

    `deep` are the same paths, going on through the items of lists that are named by number. `assigned` are names that
    the template gives itself, in `set` and `for`.
    """

    paths: frozenset[Path] = frozenset()
    optional: frozenset[Path] = frozenset()
    assigned: frozenset[str] = frozenset()
    deep: frozenset[Deep] = frozenset()

    def __or__(self, other: Names) -> Names:
        return Names(
            self.paths | other.paths,
            self.optional | other.optional,
            self.assigned | other.assigned,
            self.deep | other.deep,
        )


def names_in(tree: nodes.Node) -> Names:
    """The names that a template uses; where a part is picked at run time, the path ends before it."""
    chains = list(_chains(tree))
    paths = {path for chain in chains if (path := _fixed(chain))} | _bases(tree)
    deep: set[Deep] = {way for chain in chains if (way := _deep(chain))} | {*_bases(tree)}
    optional = set[Path]()
    for guard in (*tree.find_all(nodes.Filter), *tree.find_all(nodes.Test)):
        if guard.name in ("default", "d", "defined", "undefined") and guard.node is not None:
            optional.add(_fixed(guard.node))
    assigned = frozenset(name.name for name in tree.find_all(nodes.Name) if name.ctx == "store") | {"loop"}
    return Names(frozenset(paths), frozenset(optional - {()}), assigned, frozenset(deep))


def chains_in(tree: nodes.Node) -> list[Path]:
    """Every chain of names as it is written, indices included; for messages."""
    return [path for chain in _chains(tree) if (path := _spelled(chain))]


def _chains(node: nodes.Node) -> Iterator[nodes.Node]:
    """The longest chains `a.b['c'][0]`, and those that stand in computed subscripts inside them."""
    if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Name):
        yield node
        yield from _subscripts(node)
    elif isinstance(node, nodes.Call):
        yield from _called(node)
    else:
        for child in node.iter_child_nodes():
            yield from _chains(child)


def _subscripts(chain: nodes.Node) -> Iterator[nodes.Node]:
    while isinstance(chain, nodes.Getattr | nodes.Getitem):
        if isinstance(chain, nodes.Getitem):
            yield from _chains(chain.arg)
        chain = chain.node
    if not isinstance(chain, nodes.Name):
        yield from _chains(chain)


def _called(call: nodes.Call) -> Iterator[nodes.Node]:
    """A method looks at the whole of what it is called on."""
    called, *arguments = call.iter_child_nodes()
    yield from _chains(called.node if isinstance(called, nodes.Getattr | nodes.Getitem) else called)
    for argument in arguments:
        yield from _chains(argument)


def _fixed(node: nodes.Node) -> Path:
    """The chain up to the first part that is computed, or is an index into a list."""
    path: list[str] = []
    for part in reversed(_parts(node)):
        if not isinstance(part, str):
            break
        path.append(part)
    return tuple(path)


def _deep(node: nodes.Node) -> Deep:
    """The chain up to the first part that is computed, or that counts from a list's end."""
    path: list[str | int] = []
    for part in reversed(_parts(node)):
        if part is None or (isinstance(part, int) and part < 0):
            break
        path.append(part)
    return tuple(path)


def _spelled(node: nodes.Node) -> Path:
    return tuple(str(part) if part is not None else "*" for part in reversed(_parts(node)))


def _parts(node: nodes.Node) -> list[str | int | None]:
    """The parts of a chain from its end to its root; None is a computed one; none at all where the root is no name."""
    parts: list[str | int | None] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        if isinstance(node, nodes.Getattr):
            parts.append(node.attr)
        else:
            value = node.arg.value if isinstance(node.arg, nodes.Const) else None
            parts.append(value if isinstance(value, str | int) and not isinstance(value, bool) else None)
        node = node.node
    return [*parts, node.name] if isinstance(node, nodes.Name) and node.ctx == "load" else []


def _bases(tree: nodes.Node) -> set[Path]:
    """What `absolute` looks at beside its operand: the URL of the answer that the link came from."""
    bases = set[Path]()
    for link in tree.find_all(nodes.Filter):
        if link.name == "absolute" and not link.args and not link.kwargs:
            answer = answer_of(link.node) if link.node is not None else None
            bases |= {(*answer, "url")} if answer else {(name, "url") for name in ANSWERS}
    return bases


def answer_of(expression: nodes.Node) -> Path | None:
    """The answer that an expression reads: the first name in it that is one."""
    for chain in _chains(expression):
        path = _fixed(chain)
        if path[:1] == ("creation_responses",) and len(path) > 1:
            return path[:2]
        if path and (path[0] == "response" or path[0].endswith("_response")):
            return path[:1]
    return None
