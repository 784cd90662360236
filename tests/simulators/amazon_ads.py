"""Amazon Ads API, version 3 reports, as Amazon's guides and reference have them.

What is modelled: tokens of Login with Amazon that end after an hour, the client's id and a profile's scope on every call, profiles
of several types, the media type of creations, the columns of each report type, spans and retention, 425 for a report
that is being made already, cancellation of pending reports only, a presigned link that refuses credentials and ends
after an hour, gzip files with the size that the report told, integers beyond 2^53.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from simulators.base import Job, Refused, Script, Tokens, route
from simulators.login_with_amazon import LoginWithAmazon
from wire import Change, Reply, Request, json_reply

COLUMNS = {
    "spCampaigns": """
        addToList attributedSalesSameSku14d attributedSalesSameSku1d attributedSalesSameSku30d
        attributedSalesSameSku7d campaignApplicableBudgetRuleId campaignApplicableBudgetRuleName
        campaignBiddingStrategy campaignBudgetAmount campaignBudgetCurrencyCode campaignBudgetType
        campaignId campaignName campaignRuleBasedBudgetAmount campaignStatus clickThroughRate clicks cost
        costPerClick date endDate impressions kindleEditionNormalizedPagesRead14d
        kindleEditionNormalizedPagesRoyalties14d purchases14d purchases1d purchases30d purchases7d
        purchasesSameSku14d purchasesSameSku1d purchasesSameSku30d purchasesSameSku7d qualifiedBorrows
        royaltyQualifiedBorrows sales14d sales1d sales30d sales7d spend startDate topOfSearchImpressionShare
        unitsSoldClicks14d unitsSoldClicks1d unitsSoldClicks30d unitsSoldClicks7d unitsSoldSameSku14d
        unitsSoldSameSku1d unitsSoldSameSku30d unitsSoldSameSku7d
    """,
    "spSearchTerm": """
        acosClicks14d acosClicks7d adGroupId adGroupName adKeywordStatus addToList attributedSalesSameSku14d
        attributedSalesSameSku1d attributedSalesSameSku30d attributedSalesSameSku7d campaignBudgetAmount
        campaignBudgetCurrencyCode campaignBudgetType campaignId campaignName campaignStatus
        clickThroughRate clicks cost costPerClick date endDate impressions keyword keywordBid keywordId
        keywordType kindleEditionNormalizedPagesRead14d kindleEditionNormalizedPagesRoyalties14d matchType
        portfolioId purchases14d purchases1d purchases30d purchases7d purchasesSameSku14d purchasesSameSku1d
        purchasesSameSku30d purchasesSameSku7d qualifiedBorrows roasClicks14d roasClicks7d
        royaltyQualifiedBorrows sales14d sales1d sales30d sales7d salesOtherSku7d searchTerm startDate
        targeting unitsSoldClicks14d unitsSoldClicks1d unitsSoldClicks30d unitsSoldClicks7d
        unitsSoldOtherSku7d unitsSoldSameSku14d unitsSoldSameSku1d unitsSoldSameSku30d unitsSoldSameSku7d
    """,
    "spTargeting": """
        acosClicks14d acosClicks7d adGroupId adGroupName adKeywordStatus addToList attributedSalesSameSku14d
        attributedSalesSameSku1d attributedSalesSameSku30d attributedSalesSameSku7d campaignBudgetAmount
        campaignBudgetCurrencyCode campaignBudgetType campaignId campaignName campaignStatus
        clickThroughRate clicks cost costPerClick date endDate impressions keyword keywordBid keywordId
        keywordType kindleEditionNormalizedPagesRead14d kindleEditionNormalizedPagesRoyalties14d matchType
        portfolioId purchases14d purchases1d purchases30d purchases7d purchasesSameSku14d purchasesSameSku1d
        purchasesSameSku30d purchasesSameSku7d qualifiedBorrows roasClicks14d roasClicks7d
        royaltyQualifiedBorrows sales14d sales1d sales30d sales7d salesOtherSku7d startDate targeting
        topOfSearchImpressionShare unitsSoldClicks14d unitsSoldClicks1d unitsSoldClicks30d unitsSoldClicks7d
        unitsSoldOtherSku7d unitsSoldSameSku14d unitsSoldSameSku1d unitsSoldSameSku30d unitsSoldSameSku7d
    """,
    "spAdvertisedProduct": """
        acosClicks14d acosClicks7d adGroupId adGroupName adId addToList advertisedAsin advertisedSku
        attributedSalesSameSku14d attributedSalesSameSku1d attributedSalesSameSku30d
        attributedSalesSameSku7d campaignBudgetAmount campaignBudgetCurrencyCode campaignBudgetType
        campaignId campaignName campaignStatus clickThroughRate clicks cost costPerClick date endDate
        impressions kindleEditionNormalizedPagesRead14d kindleEditionNormalizedPagesRoyalties14d portfolioId
        purchases14d purchases1d purchases30d purchases7d purchasesSameSku14d purchasesSameSku1d
        purchasesSameSku30d purchasesSameSku7d qualifiedBorrows roasClicks14d roasClicks7d
        royaltyQualifiedBorrows sales14d sales1d sales30d sales7d salesOtherSku7d spend startDate
        unitsSoldClicks14d unitsSoldClicks1d unitsSoldClicks30d unitsSoldClicks7d unitsSoldOtherSku7d
        unitsSoldSameSku14d unitsSoldSameSku1d unitsSoldSameSku30d unitsSoldSameSku7d
    """,
    "sbCampaigns": """
        addToCart addToCartClicks addToCartRate addToList addToListFromClicks brandedSearches
        brandedSearchesClicks campaignBudgetAmount campaignBudgetCurrencyCode campaignBudgetType campaignId
        campaignName campaignStatus clicks cost costType date detailPageViews detailPageViewsClicks
        eCPAddToCart endDate impressions kindleEditionNormalizedPagesRead14d
        kindleEditionNormalizedPagesRoyalties14d longTermROAS longTermSales newToBrandDetailPageViewRate
        newToBrandDetailPageViews newToBrandDetailPageViewsClicks newToBrandECPDetailPageView
        newToBrandPurchases newToBrandPurchasesClicks newToBrandPurchasesPercentage newToBrandPurchasesRate
        newToBrandSales newToBrandSalesClicks newToBrandSalesPercentage newToBrandUnitsSold
        newToBrandUnitsSoldClicks newToBrandUnitsSoldPercentage purchases purchasesClicks purchasesPromoted
        qualifiedBorrows qualifiedBorrowsFromClicks royaltyQualifiedBorrows
        royaltyQualifiedBorrowsFromClicks sales salesClicks salesPromoted startDate
        topOfSearchImpressionShare unitsSold unitsSoldClicks video5SecondViewRate video5SecondViews
        videoCompleteViews videoFirstQuartileViews videoMidpointViews videoThirdQuartileViews videoUnmutes
        viewClickThroughRate viewabilityRate viewableImpressions
    """,
    "sdCampaigns": """
        addToCart addToCartClicks addToCartRate addToCartViews addToList addToListFromClicks
        addToListFromViews brandedSearchRate brandedSearches brandedSearchesClicks brandedSearchesViews
        campaignBudgetAmount campaignBudgetCurrencyCode campaignId campaignName campaignStatus clicks cost
        costType cumulativeReach date detailPageViews detailPageViewsClicks eCPAddToCart eCPBrandSearch
        endDate impressions impressionsFrequencyAverage impressionsViews longTermROAS longTermSales
        newToBrandDetailPageViewClicks newToBrandDetailPageViewRate newToBrandDetailPageViewViews
        newToBrandDetailPageViews newToBrandECPDetailPageView newToBrandPurchases newToBrandPurchasesClicks
        newToBrandSales newToBrandSalesClicks newToBrandUnitsSold newToBrandUnitsSoldClicks purchases
        purchasesClicks purchasesPromotedClicks qualifiedBorrows qualifiedBorrowsFromClicks
        qualifiedBorrowsFromViews royaltyQualifiedBorrows royaltyQualifiedBorrowsFromClicks
        royaltyQualifiedBorrowsFromViews sales salesClicks salesPromotedClicks startDate unitsSold
        unitsSoldClicks videoCompleteViews videoFirstQuartileViews videoMidpointViews
        videoThirdQuartileViews videoUnmutes viewClickThroughRate viewabilityRate
    """,
}  # what each report type offers, by its page in the guides
# Ad product, group, days kept.
REPORTS = {
    "spCampaigns": ("SPONSORED_PRODUCTS", "campaign", 95),
    "spSearchTerm": ("SPONSORED_PRODUCTS", "searchTerm", 95),
    "spTargeting": ("SPONSORED_PRODUCTS", "targeting", 95),
    "spAdvertisedProduct": ("SPONSORED_PRODUCTS", "advertiser", 95),
    "sbCampaigns": ("SPONSORED_BRANDS", "campaign", 60),
    "sdCampaigns": ("SPONSORED_DISPLAY", "campaign", 65),
}
CREATION = "application/vnd.createasyncreportrequest.v3+json"
LINK_LIFE, SPAN = timedelta(hours=1), 31


def problem(status: int, detail: str, code: str | None = None) -> Reply:
    return json_reply({"code": code or str(status), "detail": detail}, status)


def bad(detail: str) -> Refused:
    return Refused(problem(400, detail))


class AmazonAds(LoginWithAmazon):
    """`rows` are the facts that reports are made of, by profile; each has `date`, `reportTypeId` and its columns.

    script      the `status` of a report's polls
    forbidden   profiles that are listed but may not be read
    refusals    report types that an account cannot have, with the API's words
    reason      why reports fail
    """

    CLIENT, SECRET, REFRESH = "amzn1.application-oa2-client.ads", "a-client-secret", "Atzr|a refresh token"

    def __init__(
        self,
        rows: Mapping[int, Iterable[Mapping[str, Any]]],
        *,
        script: Script = ("PENDING", "PROCESSING", "COMPLETED"),
        forbidden: Iterable[int] = (),
        refusals: Mapping[str, str] | None = None,
        reason: str = "Internal Error",
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.rows = {profile: [dict(row) for row in given] for profile, given in rows.items()}
        self.script, self.forbidden, self.refusals, self.reason = script, set(forbidden), dict(refusals or {}), reason
        self.tokens = Tokens(self.clock, "Atza|token-")
        self.links: dict[str, tuple[Job, datetime]] = {}

    def guard(self, request: Request) -> None:
        if request.step in ("token", "download"):
            return
        scheme, _, value = (request.header("Authorization") or "").partition(" ")
        if scheme != "Bearer" or not self.tokens.check(value):
            raise Refused(problem(401, "Not authorized to access this advertiser", "UNAUTHORIZED"))
        if request.header("Amazon-Advertising-API-ClientId") != self.CLIENT:
            raise Refused(problem(401, "Invalid Amazon-Advertising-API-ClientId", "UNAUTHORIZED"))
        if request.step != "profiles":
            self._scope(request)

    def _scope(self, request: Request) -> int:
        scope = request.header("Amazon-Advertising-API-Scope")
        if not scope:
            raise Refused(problem(401, "Scope header is missing", "UNAUTHORIZED"))
        if scope in map(str, self.forbidden):
            raise Refused(problem(401, f"Not authorized to access scope {scope}", "UNAUTHORIZED"))
        if scope not in map(str, self.rows):
            raise Refused(problem(401, "No matching advertiser found for scope", "UNAUTHORIZED"))
        return int(scope)

    @route("GET", "/v2/profiles")
    def profiles(self, request: Request) -> Reply:
        kinds = request.query.get("profileTypeFilter", "seller,vendor,agency").split(",")
        entries = [(profile, "seller") for profile in (*self.rows, *self.forbidden)] + [(4242, "agency")]
        answer = [
            {
                "profileId": profile,
                "countryCode": "US",
                "currencyCode": "USD",
                "timezone": "America/Los_Angeles",
                "accountInfo": {"marketplaceStringId": "ATVPDKIKX0DER", "id": "ENTITY1", "type": kind, "name": "A"},
            }
            for profile, kind in entries
            if kind in kinds
        ]
        return json_reply(answer)

    # Reports

    @route("POST", "/reporting/reports")
    def create(self, request: Request) -> Reply:
        profile = self._scope(request)
        if request.header("Content-Type") not in (CREATION, "application/json"):
            return problem(415, "Unsupported Media Type")
        spec = self._checked(request.json())
        kept = {**spec, "profile": profile, "name": None}
        for job in self.jobs.values():
            if {**job.spec, "name": None} == kept and job.status in ("PENDING", "PROCESSING"):
                return problem(425, f"The Request is a duplicate of : {job.id}")
        number = len(self.jobs) + 1
        job = self.new_job(f"a15115d8-3da4-49a4-95d5-{number:012x}", {**spec, "profile": profile})
        job.status = "PENDING"
        return json_reply(self._report(job))

    def _checked(self, spec: Any) -> dict[str, Any]:
        if not isinstance(spec, dict) or not set(spec) <= {"name", "startDate", "endDate", "configuration"}:
            raise bad("Request body is invalid")
        setup = spec.get("configuration") or {}
        wanted = {"adProduct", "groupBy", "columns", "reportTypeId", "timeUnit", "format"}
        if not wanted <= set(setup) <= {*wanted, "filters"}:
            raise bad(f"configuration needs {sorted(wanted - set(setup))}")
        kind = setup["reportTypeId"]
        if kind in self.refusals:
            raise bad(self.refusals[kind])
        if kind not in REPORTS or (setup["adProduct"], setup["groupBy"]) != (REPORTS[kind][0], [REPORTS[kind][1]]):
            raise bad("configuration reportTypeId, adProduct and groupBy do not belong together")
        if setup["timeUnit"] not in ("DAILY", "SUMMARY") or setup["format"] != "GZIP_JSON":
            raise bad("configuration timeUnit or format is not supported")
        self._check_columns(kind, setup)
        self._check_dates(kind, spec)
        return spec

    def _check_columns(self, kind: str, setup: Mapping[str, Any]) -> None:
        odd = set(setup["columns"]) - set(COLUMNS[kind].split())
        if odd or not setup["columns"] or len(set(setup["columns"])) < len(setup["columns"]):
            raise bad(f"configuration columns includes invalid values: ({', '.join(sorted(odd))})")
        if setup["timeUnit"] == "DAILY" and {"startDate", "endDate"} & set(setup["columns"]):
            text = "configuration startDate and endDate are not supported columns for DAILY time unit."
            raise bad(f"{text} Please use date instead.")

    def _check_dates(self, kind: str, spec: Mapping[str, Any]) -> None:
        if not all(re.fullmatch(r"\d{4}-\d\d-\d\d", str(spec.get(key))) for key in ("startDate", "endDate")):
            raise bad("startDate and endDate are YYYY-MM-DD")
        start, end = date.fromisoformat(spec["startDate"]), date.fromisoformat(spec["endDate"])
        today, kept = self.clock.now().date(), REPORTS[kind][2]
        if start > end or (end - start).days + 1 > SPAN or end > today:
            raise bad(f"configuration startDate to endDate range must be within {SPAN} days")
        if (today - start).days > kept:
            text = f"Report date is too far in the past. Reports are only available for {kept} days."
            raise bad(text)

    def _report(self, job: Job) -> dict[str, Any]:
        done = job.status == "COMPLETED"
        said: dict[str, Any] = {key: job.spec.get(key) for key in ("configuration", "startDate", "endDate", "name")}
        said |= {"reportId": job.id, "status": job.status, "createdAt": job.created_at.isoformat()}
        said |= {"failureReason": self.reason if job.status == "FAILED" else None}
        said |= dict.fromkeys(("url", "urlExpiresAt", "fileSize", "generatedAt"))
        if done:
            ends_at = self.clock.now() + LINK_LIFE
            target = f"/{job.id}.json.gz?X-Amz-Expires=3600&X-Amz-Signature={len(self.links) + 1:064x}%2B"
            self.links[target] = (job, ends_at)
            said |= {"url": self.origin("s3") + target, "urlExpiresAt": ends_at.isoformat()}
            said |= {"fileSize": len(self.file(job)), "generatedAt": self.clock.now().isoformat()}
        return said

    def _job(self, request: Request, id: str) -> Job:
        job = self.jobs.get(id)
        if job is None or job.spec["profile"] != self._scope(request) or job.deleted:
            raise Refused(problem(404, f"Report {id} is not found"))
        return job

    @route("GET", "/reporting/reports/{id}")
    def poll(self, request: Request, id: str) -> Reply:
        job = self._job(request, id)
        if job.status not in ("COMPLETED", "FAILED"):
            job.status = job.step_on(self.script)
        return json_reply(self._report(job))

    @route("DELETE", "/reporting/reports/{id}")
    def cancel(self, request: Request, id: str) -> Reply:
        job = self._job(request, id)
        if job.status != "PENDING":
            return problem(400, f"Report {id} is {job.status} and can not be deleted")
        job.deleted = True
        return json_reply({"code": "200", "detail": "Report is deleted", "reportId": id})

    @route("GET", "/{name}", host="s3")
    def download(self, request: Request, name: str) -> Reply:
        xml = {"Content-Type": "application/xml"}
        if request.header("Authorization"):
            text = "Only one auth mechanism allowed"
            return Reply(400, f"<Error><Code>InvalidArgument</Code><Message>{text}</Message></Error>", xml)
        job, ends_at = self.links.get(request.target, (None, None))
        if job is None or ends_at is None or self.clock.now() > ends_at:
            return Reply(403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", xml)
        return Reply(200, self.file(job), {"Content-Type": "application/gzip", "ETag": f'"{job.id}"'})

    def file(self, job: Job) -> bytes:
        """The gzip file of a report: the columns asked for, of the rows of its days."""
        spec, setup = job.spec, job.spec["configuration"]
        rows = [
            {name: row.get(name) for name in setup["columns"]}
            for row in self.rows[spec["profile"]]
            if row["reportTypeId"] == setup["reportTypeId"] and spec["startDate"] <= row["date"] <= spec["endDate"]
        ]
        return gzip.compress(json.dumps(rows).encode(), mtime=0)
