"""Meta's Marketing API as far as asynchronous insights go, as its guides and SDK specifications have it.

What is modelled: tokens in the header or as a parameter, errors told apart by code and subcode at status 400, the listing of
accounts and results by cursors (whose `next` link holds the token), report runs with status and percentage (which may
lag behind the status), runs that fail with code and message, data that is too much, limits per account with their
headers, 37 months of history, calls in a batch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from simulators.base import Job, Refused, Script, Simulator, Tokens, route
from wire import Change, Reply, Request, json_reply

FIELDS = set(
    "account_currency account_id account_name ad_id ad_name adset_id adset_name campaign_id campaign_name objective "
    "optimization_goal attribution_setting buying_type impressions clicks unique_clicks inline_link_clicks spend reach "
    "frequency cpc cpm ctr actions action_values conversions conversion_values cost_per_action_type purchase_roas "
    "outbound_clicks date_start date_stop created_time updated_time".split()
)
BREAKDOWNS = set("age gender country region publisher_platform platform_position impression_device".split())
LEVELS = ("account", "campaign", "adset", "ad")
PARAMETERS = set(
    "level fields time_range time_increment breakdowns action_breakdowns action_attribution_windows filtering limit "
    "action_report_time use_account_attribution_setting use_unified_attribution_setting access_token appsecret_proof".split()
)
HISTORY = timedelta(days=37 * 31)


def problem(
    code: int, message: str, *, subcode: int | None = None, transient: bool = False, status: int = 400
) -> Reply:
    error: dict[str, Any] = {"message": f"(#{code}) {message}", "type": "OAuthException", "code": code}
    if subcode is not None:
        error["error_subcode"] = subcode
    return json_reply({"error": {**error, "is_transient": transient, "fbtrace_id": "AbCdEf"}}, status)


TOO_MUCH = problem(100, "Please reduce the amount of data you're asking for, then retry your request", subcode=1487534)
LIMITED = problem(
    80000, "There have been too many calls to this ad-account. Wait a bit and try again.", subcode=2446079
)
LATER = problem(2, "Service temporarily unavailable", transient=True, status=500)


class MetaAds(Simulator):
    """`rows` are insights by account, each with its level's ids, `date_start` and every field ever asked for.

    script       what a run's polls find: a status, or (status, percent)
    forbidden    accounts that are listed but may not be read
    most_days    more days than this are too much: the creation is refused (`refuses`), or the run fails
    reason       error_code, error_message and error_subcode of runs that fail
    utilisation  what `x-fb-ads-insights-throttle` says of the account
    """

    TOKEN = "EAABsbCS1iHgBAKtokenOfTheSystemUser"

    def __init__(
        self,
        rows: Mapping[str, Iterable[Mapping[str, Any]]],
        *,
        script: Script = ("Job Not Started", ("Job Running", 60), ("Job Completed", 0), "Job Completed"),
        forbidden: Iterable[str] = (),
        most_days: int | None = None,
        refuses: bool = True,
        reason: tuple[int, str, int | None] = (2, "An unexpected error has occurred", None),
        utilisation: float = 12.5,
        page_size: int = 500,
        version: str = "v25.0",
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.rows = {account: [dict(row) for row in given] for account, given in rows.items()}
        self.script, self.forbidden, self.most_days, self.refuses = script, set(forbidden), most_days, refuses
        self.reason, self.utilisation, self.page_size, self.version = reason, utilisation, page_size, version
        self.tokens = Tokens(self.clock)
        self.tokens.issue(value=self.TOKEN)

    @property
    def base_url(self) -> str:
        return f"{self.url}/{self.version}"

    def _token(self, request: Request) -> str | None:
        scheme, _, value = (request.header("Authorization") or "").partition(" ")
        if scheme in ("Bearer", "OAuth"):
            return value
        form = dict(request.form()) if b"=" in request.body else {}
        return request.query.get("access_token") or form.get("access_token")

    def guard(self, request: Request) -> None:
        token = self._token(request)
        if token is None:
            raise Refused(problem(104, "An access token is required to request this resource."))
        if not self.tokens.check(token):
            text = "Error validating access token: The session has been invalidated because the user changed their password"
            raise Refused(problem(190, text, subcode=460))
        if not request.path.startswith(f"/{self.version}/") and request.path != "/":
            raise Refused(problem(2635, "You are calling a deprecated version of the Ads API."))

    def _said(self, value: Any) -> Reply:
        throttle = {"app_id_util_pct": 0, "acc_id_util_pct": self.utilisation, "ads_api_access_tier": "standard_access"}
        return json_reply(value, 200, {"x-fb-ads-insights-throttle": json.dumps(throttle)})

    def _paged(self, request: Request, items: list[Any], size: int) -> dict[str, Any]:
        """A page with its cursors; the link to the next one holds the token, as Meta's does."""
        start = int(request.query.get("after") or 0)
        page: dict[str, Any] = {"data": items[start : start + size]}
        if page["data"]:
            page["paging"] = {"cursors": {"before": str(start), "after": str(start + len(page["data"]))}}
        if start + size < len(items):
            query = {**request.query, "access_token": self._token(request), "after": str(start + size)}
            page["paging"]["next"] = f"{self.url}{request.path}?{urlencode(query)}"
        return page

    # Accounts

    @route("GET", "/{version}/me/adaccounts")
    def accounts(self, request: Request, version: str) -> Reply:
        names = sorted({*self.rows, *self.forbidden})
        items = [{"account_id": name, "id": f"act_{name}"} for name in names]
        return self._said(self._paged(request, items, min(self.page_size, int(request.query.get("limit", 25)))))

    # Report runs

    @route("POST", "/{version}/act_{account}/insights")
    def create(self, request: Request, version: str, account: str) -> Reply:
        if account in self.forbidden:
            return problem(200, "Ad account owner has NOT grant ads_management or ads_read permission", status=403)
        if account not in self.rows:
            return problem(100, f"Unsupported post request. Object with ID 'act_{account}' does not exist", subcode=33)
        spec = self._checked({**request.query, **dict(request.form())})
        if self.most_days is not None and self.refuses and self._days(spec) > self.most_days:
            return TOO_MUCH
        job = self.new_job(str(6023920149050 + len(self.jobs)), {**spec, "account": account})
        return self._said({"report_run_id": job.id})

    def _days(self, spec: Mapping[str, Any]) -> int:
        bounds = spec["time_range"]
        return (date.fromisoformat(bounds["until"]) - date.fromisoformat(bounds["since"])).days + 1

    def _checked(self, given: Mapping[str, str]) -> dict[str, Any]:
        def bad(text: str, code: int = 100) -> Refused:
            return Refused(problem(code, text))

        if odd := set(given) - PARAMETERS:
            raise bad(f"Invalid parameter {sorted(odd)}")
        fields = [name for name in given.get("fields", "").split(",") if name]
        for number, name in enumerate(fields):
            if name not in FIELDS:
                raise bad(f"fields[{number}] must be one of the following values: account_currency, ...")
        breakdowns = [name for name in given.get("breakdowns", "").split(",") if name]
        if set(breakdowns) - BREAKDOWNS or given.get("level", "account") not in LEVELS:
            raise bad("Param level or breakdowns must be one of the documented values")
        try:
            bounds = json.loads(given["time_range"])
            since, until = (date.fromisoformat(bounds[key]) for key in ("since", "until"))
        except (KeyError, ValueError, TypeError):
            raise bad("param time_range must be a valid JSON object with since and until") from None
        if since > until:
            raise bad("The start date must be before the end date")
        if self.clock.now().date() - since > HISTORY:
            raise bad("The start date of the time range cannot be beyond 37 months from the current date", 3018)
        if given.get("time_increment", "all_days") not in ("all_days", "monthly", *map(str, range(1, 91))):
            raise bad("Param time_increment must be an integer from 1 to 90, monthly or all_days")
        level = given.get("level", "account")
        return {**given, "level": level, "fields": fields, "breakdowns": breakdowns, "time_range": bounds}

    def _run(self, id: str) -> Job:
        if id not in self.jobs:
            text = f"Unsupported get request. Object with ID '{id}' does not exist"
            raise Refused(problem(100, text, subcode=33))
        return self.jobs[id]

    def _status(self, job: Job) -> dict[str, Any]:
        if job.status not in ("Job Failed", "Job Skipped") and job.facts.get("percent") != 100:
            found = job.step_on(self.script)
            status, percent = found if isinstance(found, tuple) else (found, 100 if found == "Job Completed" else 0)
            if status == "Job Completed" and self.most_days is not None and self._days(job.spec) > self.most_days:
                status, percent, job.facts["reason"] = (
                    "Job Failed",
                    0,
                    (100, "Please reduce the amount of data", 1487534),
                )
            job.status, job.facts["percent"] = status, percent
        bounds = job.spec["time_range"]
        said = {"id": job.id, "account_id": job.spec["account"], "time_ref": int(job.created_at.timestamp())}
        said |= {"async_status": job.status, "async_percent_completion": job.facts["percent"]}
        if job.status == "Job Failed":
            code, message, subcode = job.facts.get("reason", self.reason)
            said |= {"error_code": code, "error_message": message, "error_subcode": subcode}
        return {**said, "date_start": bounds["since"], "date_stop": bounds["until"]}

    @route("GET", "/{version}/{run}")
    def poll(self, request: Request, version: str, run: str) -> Reply:
        return self._said(self._status(self._run(run)))

    @route("GET", "/{version}/{run}/insights")
    def results(self, request: Request, version: str, run: str) -> Reply:
        job = self._run(run)
        if job.facts.get("percent") != 100:
            return problem(2601, "Loading async ads results failed: the job has not completed yet")
        size = min(self.page_size, int(request.query.get("limit", 25)))
        return self._said(self._paged(request, self.found(job), size))

    def found(self, job: Job) -> list[dict[str, Any]]:
        """The insights of a run: the fields asked for, breakdowns and dates; figures are texts."""
        spec, bounds = job.spec, job.spec["time_range"]
        id = f"{spec['level']}_id"
        names = [*spec["fields"], *spec["breakdowns"], "date_start", "date_stop"]
        rows = [
            {name: row[name] for name in names if name in row}
            for row in self.rows[spec["account"]]
            if id in row and bounds["since"] <= row["date_start"] <= bounds["until"]
        ]
        return [row for row in rows if set(spec["breakdowns"]) <= set(row)]

    # Calls in a batch

    @route("POST", "/")
    @route("POST", "/{version}/")
    def batch(self, request: Request, version: str | None = None) -> Reply:
        calls = json.loads(dict(request.form())["batch"])
        if len(calls) > 50:
            return problem(1, "Too many requests in batch message. Maximum batch size is 50")
        return self._said([self._inner(call) for call in calls])

    def _inner(self, call: Mapping[str, str]) -> dict[str, Any]:
        url = urlsplit(call["relative_url"])
        run = re.fullmatch(rf"/?(?:{self.version}/)?(\w+)", url.path)
        dict(parse_qsl(url.query))
        try:
            reply = self._said(self._status(self._run(run[1] if run else "")))
        except Refused as refusal:
            reply = refusal.reply
        headers = [{"name": name, "value": value} for name, value in reply.header_list]
        return {"code": reply.status, "headers": headers, "body": reply.payload.decode()}
