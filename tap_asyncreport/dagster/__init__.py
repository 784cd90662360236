"""The tap as units of work on Dagster: an asset for each stream, partitioned by time and by the stream's partitions.

    from tap_asyncreport.dagster import assets_from

    assets = assets_from("orders.yaml", target=["target-postgres", "--config", "postgres.json"], state_path="s3://bucket/units")

Needs the extra: `pip install 'tap-asyncreport[dagster]'`.
"""

from tap_asyncreport.dagster.assets import assets_from, partitions_job_from
from tap_asyncreport.dagster.commands import Meltano

__all__ = ["Meltano", "assets_from", "partitions_job_from"]
