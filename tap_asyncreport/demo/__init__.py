"""An example reporting API on loopback: real sockets, real waiting, real data.

`serve()` starts it for one run of the tap, `run_forever()` in the foreground. Its reports cover
`seattle_weather`: daily observations of Seattle, 2012 to 2015, taken by NOAA and in the public domain, as the
PyPI package vega-datasets 0.9.0 carries them (with dates rewritten from 2012/01/01 to 2012-01-01).
"""

from tap_asyncreport.demo.server import DemoApi, run_forever, serve

EMBEDDED = "http://demo.invalid/v1"
"""The `base_url` of the shipped definition, for which a run puts the address of an API of its own."""

__all__ = ["EMBEDDED", "DemoApi", "run_forever", "serve"]
