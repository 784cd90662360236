"""A Dagster project: each month of the example API is a unit; one is read each night, and three years by a backfill.

    DAGSTER_HOME=$PWD dagster dev -f definitions.py

Three years in one go: `dagster job backfill -f definitions.py -j weather --from 2012-01-01 --to 2014-12-01 --noprompt`.
"""

from pathlib import Path

import dagster as dg

from tap_asyncreport.dagster import assets_from

HERE = Path(__file__).parent

weather = assets_from(
    HERE / "weather.yaml",
    target=["target-jsonl", "--config", str(HERE / "target.json")],
    state_path=str(HERE / "units"),  # s3://…, gs://… where workers run on several machines
    pool="weather_api",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=60),
)
job = dg.define_asset_job("weather", selection=weather)


@dg.schedule(job=job, cron_schedule="30 4 * * *", execution_timezone="UTC")
def nightly() -> dg.RunRequest:
    """The newest month, again each night."""
    return dg.RunRequest(partition_key=weather[0].partitions_def.get_last_partition_key())


defs = dg.Definitions(assets=weather, jobs=[job], schedules=[nightly])
