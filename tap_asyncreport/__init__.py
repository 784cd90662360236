"""tap-asyncreport: a Singer tap for every API that answers: your report will be ready later."""
