"""The configuration: pydantic models are the configuration; loading, errors and JSON Schema come from them."""
