"""What is published: wheel and sdist, made as the release makes them; `.ci/package` installs them into nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import peers
import pytest
from test_architecture import HOMES

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY = "https://github.com/tap-asyncreport/tap-asyncreport/blob"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wheel and sdist."""
    target = tmp_path_factory.mktemp("dist")
    hatchling = peers.installed("hatch-fancy-pypi-readme~=25.1", "hatchling")
    subprocess.run([hatchling, "build", "-d", str(target)], cwd=ROOT, check=True, capture_output=True)
    return target


@pytest.fixture(scope="module")
def wheel(built: Path) -> ZipFile:
    return ZipFile(next(built.glob("*.whl")))


@pytest.fixture(scope="module")
def metadata(wheel: ZipFile) -> Message:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode("utf-8"))


def files_in(folder: str) -> set[str]:
    """The files of a folder of the repository."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file() and not re.search(r"cache(__)?/", str(path)))
    return {path.relative_to(ROOT).as_posix() for path in found}


def test_the_wheel_holds_the_package_and_nothing_else(wheel: ZipFile) -> None:
    """Definitions, example data and the parts of the run page too; no tests."""
    names = set(wheel.namelist())
    assert files_in("tap_asyncreport") == {name for name in names if ".dist-info/" not in name}
    assert {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"} == {
        name.split(".dist-info/")[1] for name in names if ".dist-info/" in name
    }
    assert "tap_asyncreport/py.typed" in names


def test_the_sdist_holds_what_its_tests_need(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.split("/", maxsplit=1)[1] for name in archive.getnames()}
    single = {"README.md", "LICENSE", "meltano.yml", "pyproject.toml", "requirements-dev.lock", ".ci/run", ".ci/package"}
    wanted = single | files_in("tap_asyncreport") | files_in("tests") | files_in("docs") | files_in(".github")
    assert set() == wanted - names
    assert {"PKG-INFO", ".gitignore"} >= names - wanted


def test_links_of_the_page_on_pypi_lead_to_files_of_that_version(metadata: Message) -> None:
    assert "text/markdown" == metadata["Description-Content-Type"]
    links = re.findall(r"\]\((\S+?)\)", metadata.get_payload())
    ours = [link.removeprefix(f"{REPOSITORY}/v{PROJECT['version']}/") for link in links if link.startswith(REPOSITORY)]
    assert "docs/README.md" in ours
    assert [] == [name for name in ours if not (ROOT / name.split("#")[0]).exists()]
    assert [] == [link for link in links if not link.startswith(("https://", "#"))]


def test_what_it_is_and_where_it_lives_is_said(metadata: Message) -> None:
    urls = {line.split(",")[0] for line in metadata.get_all("Project-URL", [])}
    assert {"Source", "Documentation", "Changelog", "Issues"} == urls
    assert "Apache-2.0" == metadata["License-Expression"]
    assert f"## {PROJECT['version']}" in (ROOT / "docs" / "changelog.md").read_text(encoding="utf-8")


def test_the_unpacked_wheel_reads_the_example(wheel: ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    config = {"definition": "demo", "end_date": "2012-02-29"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    done = subprocess.run(
        [sys.executable, "-m", "tap_asyncreport", "--config", "config.json"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    assert 60 == done.stdout.count('"type":"RECORD"')


def test_every_library_that_is_imported_is_asked_for() -> None:
    """By itself, not because another library happens to bring it."""
    asked = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    names = {re.split(r"[^\w.-]", line)[0] for line in asked}
    called = {"backoff": "python-backoff", "jwt": "pyjwt", "yaml": "pyyaml"}
    assert set() == {called.get(library, library.replace("_", "-")) for library in HOMES} - names
