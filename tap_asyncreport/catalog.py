"""What a catalog may not take away from a stream: its keys."""

from __future__ import annotations

from collections.abc import Sequence

from singer_sdk.singerlib import CatalogEntry, Metadata


def keep_keys(entry: CatalogEntry, primary_keys: Sequence[str], replication_key: str | None) -> None:
    """Names the keys where the entry does not, and selects their columns whatever it says of them."""
    root = entry.metadata.root if () in entry.metadata else None
    named = entry.key_properties or (root.table_key_properties if root else None)
    entry.key_properties = list(named or primary_keys)
    replication = entry.replication_key or (root.replication_key if root else None)
    entry.replication_key = replication or replication_key
    for key in [*entry.key_properties, *([entry.replication_key] if entry.replication_key else [])]:
        entry.metadata.setdefault(("properties", key), Metadata()).inclusion = Metadata.InclusionType.AUTOMATIC
