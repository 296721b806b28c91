"""The same records as Parquet, beside the JSONL files, for readers of columns. Needs pyarrow, which is imported late.

The bytes of such a file depend on pyarrow's version; those of the JSONL files on nothing.
"""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from lm.snapshot.features import Feature, ListOf, Struct

PARQUET = "parquet"
"""The kind of these files in the manifest, and their folder."""
RECORDS_AT_ONCE = 1000


def write_parquet(lines: Path, target: Path, features: Struct) -> int:
    """Writes the records of a JSONL file as Parquet, some at a time. Returns how many there are."""
    import pyarrow as pa  # noqa: PLC0415  (40 MB that only this needs)
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = pa.schema([pa.field(name, _arrow(feature)) for name, feature in features.fields.items()])
    count = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        records = _records(lines)
        while some := list(islice(records, RECORDS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(some, schema=schema))
            count += len(some)
    return count


def _records(lines: Path) -> Iterator[dict[str, Any]]:
    with lines.open("rb") as file:
        for line in file:
            yield json.loads(line)


def _arrow(feature: Feature) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    if isinstance(feature, ListOf):
        return pa.list_(_arrow(feature.item))
    if isinstance(feature, Struct):
        return pa.struct([pa.field(name, _arrow(field)) for name, field in feature.fields.items()])
    return {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}[feature]
