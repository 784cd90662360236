"""Configuration files, definitions and environment variables, each as a located tree."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from tap_asyncreport.config.json_text import read_json
from tap_asyncreport.config.mending import Read, read_on
from tap_asyncreport.config.nearest import meant, nearest
from tap_asyncreport.config.sources import Located, Place, located, name_of, plain
from tap_asyncreport.config.text import BadSyntax, FileText
from tap_asyncreport.errors import Problem

PREFIX = "TAP_ASYNCREPORT_"
SECRETS = PREFIX + "SECRETS_"
_SUFFIXES = (".yaml", ".yml", ".json")


class Reader:
    """Reads, and gathers every fault in `problems` rather than stopping at the first."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.broken = False  # something could not be read at all
        self.doubtful: set[Place] = set()  # of values that had to be guessed

    def config(self, config: str | Path | Mapping[str, Any]) -> Located | None:
        """A file by its path, or a mapping as it is."""
        if isinstance(config, Mapping):
            return self._listed(located(config, Place()))
        return self.mapping(Path(config), f"{config}")

    def mapping(self, path: Path | Traversable, name: str, key: str = "", place: Place | None = None) -> Located | None:
        """A file that must hold a mapping; `key` and `place` are where it is asked for."""
        tree = self.file(path, name, key, place)
        if tree is not None and tree.value is None:
            return Located({}, Place(name, 1, 1))
        if tree is not None and not isinstance(tree.value, dict):
            self._broken(Problem("the file must hold a mapping of keys to values", key, name, 1, 1))
            return None
        if tree is not None:
            self._names_apart(self._listed(tree))
        return tree

    def schema(self, name: str, key: str, place: Place) -> Any:
        """The schema in a file beside the one that names it, or where the tap runs.

        A definition may be a stranger's, and templates can read the schema: a file that is none is refused.
        """
        beside = Path(place.file or "").parent / name
        path = beside if beside.exists() or not Path(name).exists() else Path(name)
        if path.exists() and not path.is_file():
            self._add(f"`{path}` is no file", key, place)
            return {}
        found = self.mapping(path, str(path), key, place)
        properties = found.value.get("properties") if found is not None else None
        described = properties.value.values() if properties is not None and isinstance(properties.value, dict) else ()
        if found is not None and not (described and all(isinstance(each.value, dict | bool) for each in described)):
            self._add(f"`{path}` is no JSON Schema of records: it has no `properties`", key, place)
            return {}
        return found.value if found is not None else {}

    def _listed(self, tree: Located) -> Located:
        """Streams that are written as a mapping are told, and go on as the list that they should be."""
        streams = tree.value.get("streams")
        if streams is None or not isinstance(streams.value, dict) or not streams.value:
            return tree
        by_name = {name: stream for name, stream in streams.value.items() if isinstance(stream.value, dict)}
        if "name" not in streams.value and len(by_name) < len(streams.value):
            return tree
        one = "name" in streams.value
        hint = "a dash begins each stream: `- name: ...`" if one else f"write `- name: {next(iter(by_name))}`, and the rest under it"
        self.problems.append(streams.place.problem("it must be a list, not a mapping", "streams", hint))
        if one:
            listed = [Located(streams.value, streams.place)]
        else:
            listed = [
                Located({"name": Located(name, stream.place), **stream.value}, stream.place)
                for name, stream in by_name.items()
            ]
        tree.value["streams"] = Located(listed, streams.place)
        return tree

    def _names_apart(self, tree: Located) -> None:
        """Streams merge by name, so within one file a name stands once."""
        streams = tree.value.get("streams")
        listed = streams.value if streams is not None and isinstance(streams.value, list) else []
        named = [stream for stream in listed if name_of(stream)]
        names = Counter(name_of(stream) for stream in named)
        for stream in {name_of(stream): stream for stream in named if names[name_of(stream)] > 1}.values():
            name = name_of(stream)
            said = f"{names[name]} streams are named `{name}`"
            self.problems.append(stream.value["name"].place.problem(said, f"streams.{name}.name"))

    def file(self, path: Path | Traversable, name: str, key: str = "", place: Place | None = None) -> Located | None:
        """A JSON or YAML file, by its extension, else by how it begins."""
        try:
            content = path.read_bytes()
        except OSError as error:
            hint = _others(path, name) if isinstance(error, FileNotFoundError) else None
            self._add(f"`{name}` cannot be read: {error.strerror or error}", key, place, hint)
            return None
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = FileText(name, content[: error.start].decode("utf-8-sig"))
            said = f"`{name}` is not UTF-8: the byte at {error.start} does not belong"
            looks, text = _guessed(content)
            self.problems.append(before.problem(len(before.text), said, f"save it as UTF-8; {looks}"))
            self.broken |= not text
        return self.text(FileText(name, text))

    def text(self, file: FileText) -> Located | None:
        """The value of a file's text."""
        found = read_on(_reader_of(file), file)
        self.problems += found.problems
        self.doubtful |= found.doubtful
        self.broken |= not found.whole
        return found.tree

    def _add(self, message: str, key: str, place: Place | None, hint: str | None = None) -> None:
        self._broken((place or Place()).problem(message, key, hint))

    def _broken(self, problem: Problem) -> None:
        self.broken = True
        self.problems.append(problem)

    def definition(self, name: str, place: Place) -> Located | None:
        """A definition that ships, by its name, or a file by its path, relative to the file that names it."""
        if not name.endswith(_SUFFIXES) and "/" not in name and "\\" not in name:
            return self._shipped(name, place)
        if "://" in name:
            hint = "fetch the file, look at it, and name its path"
            self._broken(place.problem("a definition is a name or the path of a file, not a URL", "definition", hint))
            return None
        here = Path(name).expanduser()
        beside = Path(place.file).parent / here if place.file else here
        path = next((path for path in (beside, here) if path.is_file()), beside)
        return self._without_definition(self.mapping(path, str(path), "definition", place))

    def _shipped(self, name: str, place: Place) -> Located | None:
        known = dict(shipped())
        if name not in known:
            hint = " ".join(
                part
                for part in (
                    meant(name, known),
                    f"these ship: {', '.join(sorted(known))}; a path ends in .yaml or .json",
                )
                if part
            )
            self._broken(place.problem(f"there is no definition `{name}`", "definition", hint))
            return None
        file = known[name]
        return self._without_definition(self.mapping(file, f"definitions/{file.name}", "definition", place))

    def _without_definition(self, tree: Located | None) -> Located | None:
        if tree is not None and "definition" in tree.value:
            written: Place = tree.value.pop("definition").place
            hint = "copy what it needs from the other definition"
            self.problems.append(written.problem("a definition cannot lie on another one", "definition", hint))
        return tree

    def environment(self, environ: Mapping[str, str], keys: Mapping[str, bool]) -> Located:
        """The top-level keys that the environment sets; those that are true in `keys` may be JSON."""
        found = {}
        for key, structured in keys.items():
            name = PREFIX + key.upper()
            text = environ.get(name, "")
            if text.strip():
                place = Place(f"environment variable {name}")
                value = self._from_environment(text, name, key) if structured else text
                if value is not None:
                    found[key] = located(value, place)
        return self._listed(Located(found, Place("environment")))

    def _from_environment(self, text: str, name: str, key: str) -> Any:
        if text.lstrip()[:1] not in ("{", "["):
            return text
        found = read_on(read_json, FileText(f"{name}.json", text))
        variable = f"environment variable {name}"
        self.problems += [
            replace(problem, file=variable, key=".".join(filter(None, (key, problem.key)))) for problem in found.problems
        ]
        self.broken |= not found.whole or bool(found.doubtful)
        return plain(found.tree) if found.tree is not None else None


def _guessed(content: bytes) -> tuple[str, str]:
    """What a text that is no UTF-8 looks like, and what it says then."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "it looks like UTF-16, as PowerShell's `>` writes it", content.decode("utf-16", "replace")
    if b"\0" in content:
        return "it looks like no text at all", ""
    return "it looks like an older Windows or Latin encoding", content.decode("cp1252", "replace")


def _others(path: Path | Traversable, name: str) -> str | None:
    """The file beside one that is not there which was meant."""
    folder = path.parent if isinstance(path, Path) else None
    if folder is None or not folder.is_dir():
        return None
    beside = [each.name for each in folder.iterdir() if each.suffix in _SUFFIXES]
    found = nearest(Path(name).name, beside)
    return f"did you mean `{Path(name).with_name(found)}`?" if found else f"looked in {folder.resolve()}"


def _reader_of(file: FileText) -> Read:
    """What reads a file: by its extension, else by how it begins; what looks like JSON may be YAML all the same."""
    from tap_asyncreport.config.yaml_text import read_yaml

    if file.name.endswith(".json"):
        return read_json
    if file.name.endswith(_SUFFIXES) or file.text.lstrip()[:1] not in ("{", "["):
        return read_yaml
    return read_json if _can_be_read(read_json, file) or not _can_be_read(read_yaml, file) else read_yaml


def _can_be_read(read: Read, file: FileText) -> bool:
    try:
        read(file)
    except BadSyntax:
        return False
    return True


def shipped() -> Iterator[tuple[str, Traversable]]:
    """The definitions that ship with the package, by name."""
    for file in resources.files("tap_asyncreport.definitions").iterdir():
        if file.name.endswith(_SUFFIXES) and file.is_file():
            yield file.name.rsplit(".", 1)[0], file


def secrets_in(environ: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """Secrets from TAP_ASYNCREPORT_SECRETS_<NAME>; `names` maps a name in capitals to how the configuration spells it."""
    found = {}
    for variable, value in environ.items():
        if variable.startswith(SECRETS) and value:
            name = variable.removeprefix(SECRETS)
            found[names.get(name.upper(), name.lower())] = value
    return found


def in_capitals(name: str) -> str:
    """How the environment spells a secret's name."""
    return "".join(character if character.isalnum() else "_" for character in name).upper()


def in_dot_env(name: str) -> str | None:
    """A hint where a `.env` file beside the caller sets a variable that the process does not have."""
    try:
        text = Path(".env").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    if not re.search(rf"^\s*(?:export\s+)?{re.escape(name)}\s*=", text, re.MULTILINE):
        return None
    return "`.env` here sets it, but only Meltano reads that file: run `set -a; . ./.env; set +a` before"
