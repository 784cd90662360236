"""Nothing is shown that nobody tries: every fenced block of the pages has a player, and every command takes its options."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import click
import pytest
from shown import PAGES, ROOT, Block, blocks, shown
from test_readme import CI, copy_of_the_repository

from tap_asyncreport.commands import Tools
from tap_asyncreport.tap import TapAsyncReport

ANY = "any heading"
RECIPES, WALKS, MELTANO = "test_docs_recipes.py", "test_docs_walks.py", "test_docs_meltano.py"
DAGSTER, NEW = "test_docs_dagster.py", "test_docs_new_definition.py"
A_DEFINITION = f"{WALKS}::test_a_definition_is_checked_and_traced_after_its_first_five_minutes"
PLUGIN = f"{MELTANO}::test_the_plugin_of_the_readme_with_each_command_that_is_shown"
CRON = f"{RECIPES}::test_cron_reads_each_day_once_and_goes_on_where_it_was"
GUIDE = f"{WALKS}::test_what_the_guide_for_the_morning_types_first"
STATES = f"{WALKS}::test_a_state_that_is_shown_is_gone_on_with"
STEPS = f"{NEW}::test_each_step_reads_the_contacts"

# Who plays the blocks of a language under a heading, from the top: a test, or what CI runs.
PLAYERS: dict[tuple[str, str, str], list[str]] = {
    ("README.md", "Quick start", "sh"): [
        "test_readme.py::test_the_first_line_of_the_quick_start_leaves_every_day_once_and_a_second_run_adds_none", ".ci/run",
    ],
    ("README.md", "Your API", "yaml"): [
        "test_readme.py::test_the_smallest_configuration_works_as_it_stands", f"{WALKS}::test_days_with_a_budget",
    ],
    ("README.md", "Your API", "console"): [f"{WALKS}::test_a_first_api_is_checked_traced_and_read"],
    ("README.md", "Running it", "yaml"): [PLUGIN],
    ("README.md", "Running it", "console"): [PLUGIN, f"{RECIPES}::test_cron_is_told_of_in_the_same_words_twice"],
    ("README.md", "State", "json"): [STATES],
    ("README.md", "The example API", "console"): [f"{MELTANO}::test_the_increments_of_the_example_project"],
    ("docs/capabilities.md", ANY, "yaml"): ["test_docs_capabilities.py::test_an_example_loads_and_shows_keys_that_exist"],
    ("docs/commands.md", ANY, "text"): ["test_docs_commands.py::test_the_examples_of_a_command_do_as_they_say"],
    ("docs/dagster.md", "Dagster", "console"): ["test_docs_examples.py::test_an_extra_that_is_installed_exists"],
    ("docs/dagster.md", "Dagster", "python"): [f"{DAGSTER}::test_the_assets_of_the_page_are_read_into_its_target"],
    ("docs/dagster.md", "The API's limit", "console"): [f"{DAGSTER}::test_the_limit_of_the_pool_is_set"],
    ("docs/dagster.md", "Backfills, schedules, sensors", "console"): [f"{DAGSTER}::test_a_backfill_of_the_example_has_a_run_for_each_month"],
    ("docs/dagster.md", "Meltano", "python"): [f"{DAGSTER}::test_the_assets_of_the_page_are_read_by_meltano"],
    ("docs/failures.md", ANY, "text"): ["test_docs_failures.py::test_every_night_of_the_guide_is_played"],
    ("docs/failures.md", "The API says that the job failed", "console"): [GUIDE],
    ("docs/failures.md", "The API refused the credentials", "console"): [GUIDE],
    ("docs/failures.md", "The log just stops", "console"): ["test_docs_failures.py::test_a_killed_run_has_its_jobs_in_the_state"],
    ("docs/files-and-values.md", "Whole or nothing", "yaml"): [f"{WALKS}::test_what_the_api_tells_of_a_file_is_held"],
    ("docs/new-definition.md", "The smallest thing that works (5 minutes)", "yaml"): [STEPS],
    ("docs/new-definition.md", "The smallest thing that works (5 minutes)", "console"): [A_DEFINITION],
    ("docs/new-definition.md", "The truth about it (5 minutes)", "yaml"): [STEPS],
    ("docs/new-definition.md", "For others (5 minutes)", "yaml"): [STEPS, f"{NEW}::test_a_user_lays_a_configuration_over_it"],
    ("docs/new-definition.md", "To contribute it", "console"): [f"{WALKS}::test_a_recording_is_made_and_replayed_without_the_api"],
    ("docs/running.md", "Meltano", "console"): [PLUGIN, f"{RECIPES}::test_flock_lets_one_run_in"],
    ("docs/running.md", "cron", "console"): [CRON, f"{RECIPES}::test_the_states_may_be_made_shorter_between_nights"],
    ("docs/running.md", "Airflow", "python"): [f"{RECIPES}::test_airflows_task_goes_on_where_it_was_and_is_red_when_a_stream_fails"],
    ("docs/scale.md", "Scale", "console"): [f"{RECIPES}::test_parts_that_two_processes_read_are_one_state_afterwards"],
    ("docs/windows-and-state.md", "Jobs in state", "json"): [STATES],
    (".github/CONTRIBUTING.md", "Dependencies", "console"): ["test_docs_examples.py::test_the_lock_is_renewed_as_the_page_says"],
}  # fmt: skip


def test_every_block_of_every_page_is_played() -> None:
    found: dict[tuple[str, str, str], list[Block]] = defaultdict(list)
    for block in (block for page in PAGES for block in blocks(page)):
        one = (block.page, block.heading, block.language)
        found[one if one in PLAYERS else (block.page, ANY, block.language)].append(block)
    counted = {key: "all" if key[1] == ANY and key in PLAYERS else len(there) for key, there in found.items()}

    assert {key: "all" if key[1] == ANY else len(players) for key, players in PLAYERS.items()} == counted


@pytest.mark.parametrize("player", sorted({player for players in PLAYERS.values() for player in players}))
def test_every_player_is_there(player: str) -> None:
    file, _, test = player.partition("::")
    path = ROOT / ("tests" if test else ".") / file

    assert f"\ndef {test}(" in path.read_text() if test else path.is_file()


def lines() -> set[str]:
    """Every command of the tap that any page shows, in blocks or between the words."""
    found = set()
    for page in PAGES:
        spans = re.findall(r"`(tap-asyncreport [^`]+)`", page.read_text().replace("\n", " "))
        typed = [command for block in blocks(page) for command in block.commands]
        pieces = [piece for line in typed for piece in re.split(r" [|] | > | >> |(?<=sh -c )'", line)]
        found |= {line.split("#")[0].strip() for line in [*spans, *pieces] if line.startswith("tap-asyncreport ")}
    return found


@pytest.mark.parametrize("line", sorted(lines()))
def test_every_command_that_is_shown_takes_its_options(line: str) -> None:
    words = shlex.split(line.replace("…", "x").replace("COMMAND", "check"))[1:]
    command: click.Command | None = TapAsyncReport.get_singer_command()
    while words and not words[0].startswith("-"):
        group: click.Group = command if isinstance(command, click.Group) else Tools("tap-asyncreport")
        command = group.get_command(click.Context(group), words.pop(0))
        if not isinstance(command, click.Group):
            break
    assert command is not None
    options = {name: option for option in command.params for name in option.opts if isinstance(option, click.Option)}
    named = [word.split("=")[0] for word in words if word.startswith("--")]

    assert [] == [name for name in named if name not in {*options, "--help"}]


def extras() -> list[str]:
    text = "".join(page.read_text() for page in PAGES)
    return sorted(set(re.findall(r"`?tap-asyncreport\[(\w+)\]", text)))


@pytest.mark.parametrize("extra", extras())
def test_an_extra_that_is_installed_exists(extra: str) -> None:
    """CI installs them all, by the lock and in the lowest versions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert extra in project["optional-dependencies"]


@pytest.mark.skipif(not CI, reason="asks the package index for every version: in CI only")
def test_the_lock_is_renewed_as_the_page_says(tmp_path: Path) -> None:
    clone = copy_of_the_repository(tmp_path / "clone")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    commands = shown(".github/CONTRIBUTING.md", "Dependencies", "console").commands
    text = f'set -e; export PATH={tmp_path / "venv" / "bin"}:$PATH\n' + "\n".join(commands)
    (clone / "requirements-dev.lock").unlink()
    subprocess.run(["bash", "-c", text], cwd=clone, check=True, timeout=300, stdout=subprocess.DEVNULL)
    pinned, before = (re.findall(r"^([\w.-]+)==", (folder / "requirements-dev.lock").read_text(), re.MULTILINE) for folder in (clone, ROOT))

    assert {"dagster", "pytest", "ruff", "singer-sdk"} <= set(pinned) & set(before)
