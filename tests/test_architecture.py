"""The house stays as it was drawn: imports go down, each library has one home, and nothing grows out of hand."""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tap_asyncreport"
FILES = sorted(PACKAGE.rglob("*.py"))

# From the top of the house to the ground. A room imports from the floors below it and from itself only.
FLOORS = (
    ("__main__", "dagster"),
    ("cli",),
    ("commands",),
    ("tap",),
    ("stream",),
    ("run",),
    ("stream_run",),
    ("account", "partition_lists"),
    ("runner", "reporting", "books", "planning", "output", "catalog"),
    ("telling",),
    ("terminal",),
    ("error_text", "sdk"),
    ("orchestrator",),
    ("job_repository",),
    ("lifecycle",),
    ("http", "spool", "decoding", "windows", "state", "state_merge", "partitions"),
    ("stream_book",),
    ("foreign_state", "finished", "batches", "kept_jobs"),
    ("moments", "grains", "formats"),
    ("zones",),
    ("config",),
    ("templates", "job"),
    ("response",),
    ("durations",),
    ("clock", "errors", "secrecy", "calling"),
)
# What is named for the type checker alone, from below: a part that is handed its owner.
OWNERS = {
    ("stream", "tap"),
    ("run", "stream"),
    ("stream_run", "run"),
    ("stream_run", "stream"),
    ("partition_lists", "stream_run"),
}
# The example API stands beside the house: it knows the clock, and only those who start it know it.
BESIDE = {"demo": {"clock"}}

HOMES = {
    "requests": {"http"},
    "urllib3": {"http"},
    "botocore": {"http"},
    "oauthlib": {"http"},
    "jwt": {"http"},
    "cryptography": {"http", "templates"},
    "singer_sdk": {"tap", "stream", "output", "account", "sdk", "catalog"},
    "click": {"cli", "commands", "tap"},
    "rich": {"reporting"},
    "yaml": {"config"},
    "pydantic": {"config"},
    "jinja2": {"templates"},
    "jsonpath_ng": {"templates"},
    "msgspec": {"decoding", "output"},
    "jsonschema": {"decoding"},
    "idna": {"http"},
    "backoff": {"http"},
    "pyarrow": {"decoding"},
    "python_calamine": {"decoding"},
    "dagster": {"dagster"},
    "fsspec": {"dagster"},
}
# Slow to import, or optional: only inside the functions that need them.
LATE = {"botocore", "oauthlib", "jwt", "cryptography", "pyarrow", "python_calamine", "rich"}


def room(path: Path) -> str:
    """The part of the house that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), path.name)


def imported(node: ast.AST) -> list[str]:
    """The dotted names that one import statement brings in."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def imports(node: ast.AST, *, types: bool = False, late: bool = True) -> Iterator[str]:
    """Names imported below a node: with `types` also those for the type checker, without `late` none in functions."""
    for child in ast.iter_child_nodes(node):
        for_types = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        in_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        if (types or not for_types) and (late or not in_function):
            yield from imported(child)
            yield from imports(child, types=types, late=late)


def told(found: Iterable[object]) -> str:
    """What was found, a line each, so that a failing test shows it whole."""
    return "\n".join(map(str, found))


def functions() -> list[tuple[str, int]]:
    """Every function with its length in lines."""
    return [
        (f"{label(path)}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_every_room_has_its_place() -> None:
    known = {name for floor in FLOORS for name in floor} | set(BESIDE) | {"__init__", "definitions"}
    assert "" == told({room(path) for path in FILES} - known)


def test_imports_go_down_only() -> None:
    height = {name: -level for level, floor in enumerate(FLOORS) for name in floor}
    upward = []
    for path in FILES:
        here = room(path)
        runtime = set(imports(tree(path)))
        for name in imports(tree(path), types=True):
            top, _, rest = name.partition(".")
            there = rest.partition(".")[0]
            if top != PACKAGE.name or there == here or here in {"__init__", "definitions"}:
                continue
            if here in BESIDE:
                allowed = there in BESIDE[here]
            elif there in BESIDE:
                allowed = here in {"commands", "tap"}
            else:
                lower = {here, there} <= set(height) and height[there] < height[here]
                allowed = lower or (name not in runtime and (here, there) in OWNERS)
            if not allowed:
                upward.append(f"{label(path)} imports {name}")
    assert "" == told(upward)


def test_steps_know_what_they_share_and_not_each_other() -> None:
    published = {
        "creation_requester", "polling_requester", "download_target_requester", "download_target_extractor",
        "download_retriever", "abort_requester", "delete_requester",
    }  # fmt: skip
    steps = published | {path.stem for path in (PACKAGE / "lifecycle").glob("*_requester.py")}
    assert "" == told(step for step in steps if not (PACKAGE / "lifecycle" / f"{step}.py").exists())
    crossings = [
        f"{step} imports {name}"
        for step in sorted(steps)
        for name in imports(tree(PACKAGE / "lifecycle" / f"{step}.py"))
        if name.startswith("tap_asyncreport.lifecycle.") and name.split(".")[2] in steps - {step}
    ]
    assert "" == told(crossings)


def test_only_the_job_repository_knows_the_steps() -> None:
    users = {room(path) for path in FILES if any(name.startswith("tap_asyncreport.lifecycle") for name in imports(tree(path)))}
    assert {"job_repository"} == users - {"lifecycle"}


def test_each_outside_library_has_one_home() -> None:
    strangers = []
    for path in FILES:
        for name in imports(tree(path)):
            library = name.partition(".")[0]
            if library not in sys.stdlib_module_names | {PACKAGE.name} and room(path) not in HOMES.get(library, ()):
                strangers.append(f"{label(path)} imports {library}")
    assert "" == told(strangers)


def test_slow_and_optional_libraries_are_imported_where_they_are_used() -> None:
    early = [(label(path), name) for path in FILES for name in imports(tree(path), late=False)]
    assert "" == told((path, name) for path, name in early if name.partition(".")[0] in LATE)


def test_no_file_reaches_400_lines() -> None:
    """Neither of the house nor of its tests."""
    files = [*FILES, *(ROOT / "tests").rglob("*.py")]
    lengths = {label(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert "" == told((name, length) for name, length in lengths.items() if length >= 400)


def test_no_function_is_longer_than_70_lines_and_most_are_short() -> None:
    lengths = functions()
    assert "" == told((name, length) for name, length in lengths if length > 70)
    assert statistics.median(length for _, length in lengths) < 10


def calls(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every call."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


@pytest.mark.parametrize(
    ("pattern", "homes"),
    [
        (r"print", set()),
        (r"time\.time|(time\.)?(sleep|monotonic|perf_counter)|(datetime\.)?datetime\.(now|utcnow|today)|(datetime\.)?date\.today", {"clock"}),
        (r"eval|exec|compile|os\.system|pickle\.loads?", set()),
    ],
)
def test_what_has_one_home_is_called_nowhere_else(pattern: str, homes: set[str]) -> None:
    found = [
        f"{label(path)}:{line} {name}"
        for path in FILES
        if room(path) not in homes
        for line, name in calls(path)
        if re.fullmatch(pattern, name)
    ]
    assert "" == told(found)


def test_there_are_no_global_variables() -> None:
    assert "" == told(f"{label(path)}:{node.lineno}" for path in FILES for node in ast.walk(tree(path)) if isinstance(node, ast.Global))


def test_names_say_what_a_thing_is() -> None:
    vague = re.compile(r"(?!init_poolmanager|proxy_manager_for)\w*?(manager|helper|util)", re.IGNORECASE)  # urllib3's names
    named = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    names = [(label(path), node.name) for path in FILES for node in ast.walk(tree(path)) if isinstance(node, named)]
    assert "" == told([name for name in names if vague.match(name[1])] + [label(path) for path in FILES if vague.match(path.stem)])


def test_every_module_says_what_it_is_for() -> None:
    assert "" == told(label(path) for path in FILES if not ast.get_docstring(tree(path)))


def promises(path: Path) -> Iterator[int]:
    """The numbers in the promise marks of a test file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.promise":
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, int))


def test_every_promise_is_held_by_a_test() -> None:
    held = {number for path in (ROOT / "tests").rglob("test_*.py") for number in promises(path)}
    assert [] == sorted(set(range(1, 31)) - held)
