"""Configuration files, definitions and environment variables, each as a located tree."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from tap_asyncreport.config.json_text import read_json
from tap_asyncreport.config.nearest import meant
from tap_asyncreport.config.sources import Located, Place, located, name_of
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

    def config(self, config: str | Path | Mapping[str, Any]) -> Located | None:
        """A file by its path, or a mapping as it is."""
        if isinstance(config, Mapping):
            return located(config, Place())
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
            self._names_apart(tree)
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
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self._add(f"`{name}` is not UTF-8: the byte at {error.start} does not belong", key, place)
            return None
        except OSError as error:
            self._add(f"`{name}` cannot be read: {error.strerror or error}", key, place)
            return None
        return self.text(FileText(name, text))

    def text(self, file: FileText) -> Located | None:
        """The value of a file's text."""
        try:
            tree, problems = _read(file)
        except BadSyntax as error:
            self._broken(error.problem)
            return None
        self.problems += problems
        return tree

    def _add(self, message: str, key: str, place: Place | None) -> None:
        self._broken((place or Place()).problem(message, key))

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
                found[key] = located(value, place)
        return Located(found, Place("environment"))

    def _from_environment(self, text: str, name: str, key: str) -> Any:
        if text.lstrip()[:1] not in ("{", "["):
            return text
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            message = f"not JSON: {error.msg.lower()} at character {error.pos + 1}"
            self.problems.append(Problem(message, key, f"environment variable {name}"))
            return None


def _read(file: FileText) -> tuple[Located, list[Problem]]:
    from tap_asyncreport.config.yaml_text import read_yaml

    if file.name.endswith(".json"):
        return read_json(file)
    if not file.name.endswith(_SUFFIXES) and file.text.lstrip()[:1] in ("{", "["):
        try:
            return read_json(file)
        except BadSyntax as error:
            try:
                return read_yaml(file)
            except BadSyntax:
                raise error from None
    return read_yaml(file)


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
