"""Reads a CSV file with one of the packages that `ingest` compares with: `python3 -m scenarios.read_csv PEER FILE`."""
import json
import sys
import time


def pyarrow(path):
    from pyarrow import compute, csv, float64, string, timestamp

    # The fastest way to name the types: dictionaries take longer, and so does guessing.
    with open(path) as file:
        types = {name: string() for name in file.readline().strip().split(",")}
    types |= {"value": float64(), "timestamp": timestamp("ns", tz="UTC")}
    table = csv.read_csv(path, read_options=csv.ReadOptions(use_threads=False),
                         convert_options=csv.ConvertOptions(column_types=types))
    return lambda: (table.num_rows, float(compute.sum(table["value"]).as_py()))


def polars(path):
    import polars

    frame = polars.read_csv(path, schema_overrides={"value": polars.Float64})
    return lambda: (frame.height, frame["value"].sum())


def duckdb(path):
    import duckdb

    duckdb.execute(f"SET threads = 1; CREATE OR REPLACE TABLE samples AS SELECT * FROM read_csv('{path}')")
    return duckdb.execute("SELECT count(*), sum(value::DOUBLE) FROM samples").fetchone


def csv(path):
    import csv

    with open(path, newline="") as file:
        reader = csv.reader(file)
        column = next(reader).index("value")
        values = [float(row[column]) for row in reader]
    return lambda: (len(values), sum(values))


# Twice, so that what a first call sets up does not count.
for _ in range(2):
    start = time.perf_counter()
    totals = globals()[sys.argv[1]](sys.argv[2])
    seconds = time.perf_counter() - start
rows, total = totals()
print(json.dumps({"rows": rows, "sum": total, "seconds": seconds}))
