"""`python -m tap_asyncreport` is `tap-asyncreport`."""

from tap_asyncreport.cli import main

main()
