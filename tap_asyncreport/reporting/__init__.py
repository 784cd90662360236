"""What people see of a run: progress, the closing table and the run page, all told from job events."""

from tap_asyncreport.reporting.ledger import RunLedger
from tap_asyncreport.reporting.live import on_terminal
from tap_asyncreport.reporting.metrics import MetricsFeed
from tap_asyncreport.reporting.page import write_report
from tap_asyncreport.reporting.progress import Progress
from tap_asyncreport.reporting.report import RunFacts
from tap_asyncreport.reporting.table import closing_table
from tap_asyncreport.reporting.tally import Failure, StreamEnd

__all__ = [
    "Failure",
    "MetricsFeed",
    "Progress",
    "RunFacts",
    "RunLedger",
    "StreamEnd",
    "closing_table",
    "on_terminal",
    "write_report",
]
