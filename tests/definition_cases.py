"""Every definition that ships, each with its simulator and one stream: what tests of all of them run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import test_definition_amazon_ads as amazon_ads
import test_definition_amazon_sp as amazon_sp
import test_definition_campaign_manager_360 as campaign_manager
import test_definition_databricks as databricks
import test_definition_display_video_360 as display_video
import test_definition_ebay_feed as ebay_feed
import test_definition_marketo_bulk as marketo
import test_definition_meta_ads as meta_ads
import test_definition_microsoft_ads as microsoft_ads
import test_definition_pinterest as pinterest
import test_definition_qualtrics as qualtrics
import test_definition_salesforce_bulk as salesforce
import test_definition_sendgrid as sendgrid
import test_definition_shopify_bulk as shopify
import test_definition_snowflake as snowflake
import test_definition_stripe_reports as stripe
import test_definition_yandex_direct as yandex
from simulators.base import Simulator, Tokens


@dataclass(frozen=True)
class Case:
    """A definition's stream at its simulator: `jobs` of them, of `rows` rows, cover the settings' span and partitions.

    `running` and `done` are what polls find, and `kept` is what the state holds of the answers to a job's creation:
    paths into them, those of earlier steps beginning with the step's name.
    """

    stream: str
    api: Callable[..., Any]
    settings: Callable[..., dict[str, Any]]
    jobs: int
    rows: int
    running: Any
    done: Any
    kept: str

    def simulator(self, **more: Any) -> Simulator:
        """The API, with the data that the definition's own tests read."""
        made: Simulator = self.api(**more)
        return made


def secrets_of(settings: Mapping[str, Any], api: Simulator) -> set[str]:
    """All that no state, recording or message may show: what the user set, and the tokens that the API gave out."""
    given = settings["secrets"].values()
    secrets = {each["private_key"] if isinstance(each, dict) else each for each in given}
    issued = (each.issued for each in vars(api).values() if isinstance(each, Tokens))
    return secrets | {token.value for tokens in issued for token in tokens}


def renewed(api: pinterest.Pinterest, **changes: Any) -> dict[str, Any]:
    """Pinterest's settings, with the refresh token that the last run said to put there."""
    settings = pinterest.settings(api, **changes)
    return {**settings, "secrets": {**settings["secrets"], "refresh_token": api.refresh.issued[-1].value}}


CASES: Mapping[str, Case] = {
    "amazon_ads": Case(
        "sp_campaigns", lambda **more: amazon_ads.AmazonAds(amazon_ads.ROWS, **more),
        amazon_ads.settings, 4, 4, "PENDING", "COMPLETED", "reportId",
    ),
    "amazon_sp": Case(
        "orders", lambda **more: amazon_sp.AmazonSellingPartner({amazon_sp.ORDERS: amazon_sp.orders}, **more),
        amazon_sp.settings, 2, 3, "IN_PROGRESS", "DONE", "reportId",
    ),
    "campaign_manager_360": Case(
        "campaigns_daily", lambda **more: campaign_manager.CampaignManager(campaign_manager.ROWS, **more),
        campaign_manager.settings, 4, 4, "PROCESSING", "REPORT_AVAILABLE", "id reportId report.id report.criteria",
    ),
    "databricks_sql": Case(
        "billing_usage", lambda **more: databricks.Databricks(databricks.TABLES, **more),
        databricks.settings, 2, 5, "RUNNING", "SUCCEEDED", "",
    ),
    "display_video_360": Case(
        "line_items_daily", lambda **more: display_video.DisplayVideo(display_video.ROWS, **more),
        display_video.settings, 4, 4, "RUNNING", "DONE", "query.queryId",
    ),
    "ebay_feed": Case(
        "orders", lambda **more: ebay_feed.EbayFeed(ebay_feed.ORDERS, **more),
        ebay_feed.settings, 2, 3, "IN_PROCESS", "COMPLETED", "",
    ),
    "marketo_bulk": Case(
        "leads", lambda **more: marketo.Marketo({"leads": marketo.LEADS}, **more),
        marketo.settings, 2, 3, "Processing", "Completed", "create.result",
    ),
    "meta_ads": Case(
        "ads_insights", lambda **more: meta_ads.MetaAds(meta_ads.ROWS, **more),
        meta_ads.settings, 4, 6, "Job Running", "Job Completed", "report_run_id",
    ),
    "microsoft_ads": Case(
        "campaigns_daily", lambda **more: microsoft_ads.MicrosoftAds(microsoft_ads.ROWS, **more),
        microsoft_ads.settings, 4, 4, "Pending", "Success", "ReportRequestId",
    ),
    "pinterest": Case(
        "campaigns_daily", lambda **more: pinterest.Pinterest(pinterest.ROWS, **more),
        renewed, 4, 5, "IN_PROGRESS", "FINISHED", "token",
    ),
    "qualtrics": Case(
        "responses", lambda **more: qualtrics.Qualtrics(qualtrics.ROWS, **more),
        qualtrics.settings, 2, 3, "inProgress", "complete", "result.progressId",
    ),
    "salesforce_bulk": Case(
        "accounts", lambda **more: salesforce.SalesforceBulk({"Account": salesforce.ACCOUNTS}, **more),
        salesforce.settings, 2, 4, "InProgress", "JobComplete", "id",
    ),
    "sendgrid_contacts": Case(
        "contacts", lambda **more: sendgrid.SendGrid(sendgrid.CONTACTS, **more),
        sendgrid.settings, 1, 3, "pending", "ready", "",
    ),
    "shopify_bulk": Case(
        "orders", lambda **more: shopify.ShopifyBulk({"orders": shopify.ORDERS}, **more),
        shopify.settings, 2, 3, "RUNNING", "COMPLETED", "",
    ),
    "snowflake_sql": Case(
        "query_history", lambda **more: snowflake.Snowflake({snowflake.QUERIES: snowflake.ROWS}, **more),
        snowflake.settings, 2, 6, 202, 200, "",
    ),
    "stripe_reports": Case(
        "balance_change_from_activity", lambda **more: stripe.Stripe({stripe.KINDS["balance_change_from_activity"]: stripe.ACTIVITY}, **more),
        stripe.settings, 2, 4, "pending", "succeeded", "id",
    ),
    "yandex_direct": Case(
        "campaigns_daily", lambda **more: yandex.YandexDirect({"": yandex.ROWS}, **more),
        yandex.settings, 2, 3, 202, 200, "",
    ),
}  # fmt: skip
