"""The simulator of Stripe's report runs, walked through by a plain client."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from simulators.stripe import Stripe
from simulators.walking import Answer, ask

KIND = "balance_change_from_activity.itemized.3"
ROWS = {
    KIND: [
        {"balance_transaction_id": "txn_1", "created_utc": "2026-01-01 00:00:00", "gross": "10.00"},
        {"balance_transaction_id": "txn_2", "created_utc": "2026-02-01 00:00:00", "gross": "11.00"},
    ]
}
KEY = {"Authorization": f"Bearer {Stripe.KEY}"}
FORM = {
    "report_type": KIND,
    "parameters[interval_start]": str(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())),
    "parameters[interval_end]": str(int(datetime(2026, 2, 1, tzinfo=UTC).timestamp())),
    "parameters[columns][]": "balance_transaction_id",
}


def run(api: Stripe, form: Any = FORM, **headers: str) -> Answer:
    return ask("POST", f"{api.url}/v1/reporting/report_runs", headers={**KEY, **headers}, form=form)


def test_a_run_is_made_polled_and_its_file_fetched_with_the_same_key() -> None:
    with Stripe(ROWS) as api:
        made = run(api).json()
        one = f"{api.url}/v1/reporting/report_runs/{made['id']}"
        assert ("pending", None) == (made["status"], made["result"])
        assert "pending" == ask("GET", one, headers=KEY).json()["status"]
        done = ask("GET", one, headers=KEY).json()
        assert 401 == ask("GET", done["result"]["url"]).status
        file = ask("GET", done["result"]["url"], headers=KEY)
        assert '"balance_transaction_id"\n"txn_1"\n' == file.text
        assert len(file.body) == done["result"]["size"]
        assert not done["result"]["url"].startswith(api.url)
        api.clock.advance(days=8)
        assert 404 == ask("GET", done["result"]["url"], headers=KEY).status


def test_an_idempotency_key_gives_the_same_run_again_and_takes_no_other_parameters() -> None:
    with Stripe(ROWS) as api:
        first, again = (run(api, **{"Idempotency-Key": "a"}) for _ in range(2))
        assert (first.json()["id"], "true") == (again.json()["id"], again.headers["idempotent-replayed"])
        other = run(api, {**FORM, "parameters[columns][]": "gross"}, **{"Idempotency-Key": "a"})
        assert (400, "idempotency_error") == (other.status, other.json()["error"]["type"])
        run(api)
        listed = ask("GET", f"{api.url}/v1/reporting/report_runs?limit=1", headers=KEY).json()
        assert (True, 1) == (listed["has_more"], len(listed["data"]))


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"parameters[interval_end]": "1900000000"}, "parameters[interval_end]"),
        ({"parameters[interval_end]": "2026-02-01"}, "parameters[interval_end]"),
        ({"parameters[interval_start]": "1"}, "parameters[interval_start]"),
        ({"parameters[interval_start]": FORM["parameters[interval_end]"]}, "parameters[interval_start]"),
        ({"parameters[columns][]": "nothing"}, "parameters[columns]"),
        ({"parameters[payout]": "po_1"}, "payout"),
        ({"report_type": "other.1"}, "report_type"),
    ],
)
def test_wrong_parameters_are_named(change: dict[str, str], param: str) -> None:
    with Stripe(ROWS) as api:
        answer = run(api, {**FORM, **change})
        assert (400, param) == (answer.status, answer.json()["error"]["param"])
        assert {} == api.jobs


def test_report_types_say_from_and_until_when_there_is_data() -> None:
    with Stripe(ROWS) as api:
        known = ask("GET", f"{api.url}/v1/reporting/report_types/{KIND}", headers=KEY).json()
        assert (1325376000, 1780272000, 3) == tuple(
            known[key] for key in ("data_available_start", "data_available_end", "version")
        )
        assert 404 == ask("GET", f"{api.url}/v1/reporting/report_types/other.1", headers=KEY).status
        assert 404 == ask("GET", f"{api.url}/v1/reporting/report_runs/frr_9", headers=KEY).status
        assert 404 == ask("GET", f"{api.url}/v1/charges", headers=KEY).status
        assert 401 == ask("GET", f"{api.url}/v1/reporting/report_runs").status


def test_a_run_without_rows_is_a_header_alone_and_a_failed_one_says_why() -> None:
    with Stripe({}, script={1: ["succeeded"], 2: ["failed"]}) as api:
        runs = [f"{api.url}/v1/reporting/report_runs/{run(api).json()['id']}" for _ in range(2)]
        empty, failed = (ask("GET", url, headers=KEY).json() for url in runs)
        assert '"balance_transaction_id"\n' == ask("GET", empty["result"]["url"], headers=KEY).text
        assert ("failed", None, True) == (failed["status"], failed["result"], bool(failed["error"]))
