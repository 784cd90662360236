"""What holds for every definition that ships: it is complete, and says where its facts come from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from definition_cases import CASES
from test_definitions_troubled import LIMITS

from tap_asyncreport import definitions
from tap_asyncreport.config.loading import Loaded, load, secrets_used, vars_used
from tap_asyncreport.config.reading import SECRETS
from tap_asyncreport.errors import ConfigurationError

FOLDER = Path(definitions.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
APIS = [name for name in NAMES if name != "demo"]


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def bare(name: str) -> Loaded:
    """A definition with secrets, a start date, and those variables that it leaves to its user; nothing else."""
    text = text_of(name)
    named = yaml.safe_load(text).get("vars", {})
    secrets = {key: f"a-secret-{key}" for key in re.findall(r"secrets\.(\w+)", text)}
    left: dict[str, Any] = {key: "x" for key in re.findall(r"vars\.(\w+)", text) if key not in named}
    return load([{"definition": name, "secrets": secrets, "vars": left, "start_date": "2026-01-01"}], environ={})


def test_each_is_among_the_cases_that_all_are_tried_in() -> None:
    assert APIS == sorted(CASES)
    assert APIS == sorted(LIMITS)


@pytest.mark.parametrize("name", NAMES)
def test_it_needs_secrets_a_start_date_and_the_variables_that_it_names_and_no_more(name: str) -> None:
    settings = bare(name).settings

    assert 1 <= len(settings.streams)
    assert len(settings.streams) == len({stream.name for stream in settings.streams})


CLIENT = "client_id: '{{ secrets.client_id }}', client_secret: '{{ secrets.client_secret }}'"
ALTERNATIVES = {
    "salesforce_bulk": "{grant: client_credentials}",
    "databricks_sql": "{type: bearer, token: '{{ secrets.token }}'}",
    "campaign_manager_360": f"{{type: oauth2, grant: refresh_token, token_url: /t, {CLIENT}, refresh_token: '{{{{ secrets.refresh_token }}}}'}}",
    "display_video_360": f"{{type: oauth2, grant: refresh_token, token_url: /t, {CLIENT}, refresh_token: '{{{{ secrets.refresh_token }}}}'}}",
    "qualtrics": f"{{type: oauth2, grant: client_credentials, client_auth: basic, token_url: /t, {CLIENT}, scopes: [a]}}",
    "shopify_bulk": f"{{type: oauth2, grant: client_credentials, token_url: /t, {CLIENT}, header: X-Shopify-Access-Token}}",
}  # fmt: skip


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_the_other_logins_that_it_names_need_their_own_secrets_and_no_more(name: str) -> None:
    """Laid over the definition's authenticator, of whose secrets none is missed."""
    login = yaml.safe_load(ALTERNATIVES[name])
    content = yaml.safe_load(text_of(name))
    left = {var: "x" for var in vars_used(content) if var not in content.get("vars", {})}
    own = secrets_used(login) or ["client_id", "client_secret"]
    config = {"definition": name, "authenticator": login, "vars": left, "secrets": dict.fromkeys(own, "a-secret")}
    settings = load([{**config, "start_date": "2026-01-01"}], environ={}).settings
    assert login.get("type", "oauth2") == getattr(settings.authenticator, "type", None)


@pytest.mark.promise(28)
@pytest.mark.parametrize("name", APIS)
def test_what_a_user_has_to_set_is_named_all_at_once(name: str) -> None:
    """Nothing but the definition's name: each secret, each variable and no more, once."""
    content = yaml.safe_load(text_of(name))
    with pytest.raises(ConfigurationError) as caught:
        load([{"definition": name, "start_date": "2026-01-01"}], environ={})
    said = [problem.message for problem in caught.value.problems]
    secrets = [f"secret {secret} is not set: looked in `secrets` and {SECRETS}{secret.upper()}" for secret in secrets_used(content)]
    missing = [f"there is no `{var}`" for var in vars_used(content) if var not in content.get("vars", {})]
    assert secrets and sorted(secrets) == sorted(text for text in said if text.startswith("secret"))
    assert sorted(missing) == sorted(text.partition("; ")[2] for text in said if not text.startswith("secret"))
    hints = [problem.hint for problem in caught.value.problems if "`vars`" in problem.message]
    assert [f"set it: `vars: {{{var}: ...}}`" for var in vars_used(content) if var not in content.get("vars", {})] == hints


@pytest.mark.parametrize("name", APIS)
def test_its_streams_are_typed_and_their_keys_are_columns(name: str) -> None:
    for stream in bare(name).settings.streams:
        if stream.columns is None:
            continue
        known = {*stream.columns, *stream.add_columns, *(dimension.name for dimension in stream.partitions)}
        keys = {*stream.primary_keys, *([stream.replication_key] if stream.replication_key else [])}
        assert set() == keys - known, stream.name


@pytest.mark.parametrize("name", APIS)
def test_it_says_where_its_facts_come_from(name: str) -> None:
    comments = "\n".join(line.partition("#")[2] for line in text_of(name).splitlines() if "#" in line)

    assert re.search(r"https?://|\w+\.(com|dev|io|org)\b", comments), "no document is named"


@pytest.mark.parametrize("name", APIS)
def test_its_hosts_can_be_replaced(name: str) -> None:
    """`base_url` is one key, and every other host stands in `vars`."""
    definition = yaml.safe_load(text_of(name))
    definition.pop("base_url", None)
    definition.pop("vars", None)

    def texts(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [found for key, item in value.items() if key != "scopes" for found in texts(item)]  # names, no hosts
        if isinstance(value, list):
            return [found for item in value for found in texts(item)]
        return [value] if isinstance(value, str) else []

    assert [] == [text for text in texts(definition) if re.search(r"(^|\s)https?://", text)]
