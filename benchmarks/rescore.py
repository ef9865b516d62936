"""How long an edited policy takes over many stored transcripts.

    python benchmarks/rescore.py [--transcripts 100000]

The corpus is scored once and its rows are copied under other ids; then ``qa-scoring rescore`` runs
as a user runs it, with the demo's policy, with one rule more and with ten more, twice each in turn.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import yaml

ROOT = Path(__file__).parents[1]
POLICY = ROOT / "configs" / "policies" / "demo.yaml"
COPIED = ("transcripts", "turns", "steps", "scores")
MORE = (
    "Ask how the customer wants to be called",
    "Say how long the wait will be",
    "Offer to send a summary by e-mail",
    "Ask whether the customer has called about this before",
    "Read the address back",
    "Say that the call is recorded",
    "Ask for the customer's consent",
    "Name a person to turn to",
    "Offer a call back",
    "Wish the customer a good day",
)
ROUNDS = 2


def main(transcripts: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tables = folder / "scores.duckdb"
        _qa("score", str(ROOT / "training/corpus/transcripts"), "--to", str(tables))
        stored = multiply(tables, transcripts)
        seconds: dict[int, list[float]] = {0: [], 1: [], 10: []}
        for _ in range(ROUNDS):
            for more, times in seconds.items():
                policy = with_rules(more, folder)
                started = time.perf_counter()
                _qa("rescore", "--to", str(tables), "--policy", str(policy))
                times.append(time.perf_counter() - started)
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {stored:,} stored transcripts\n")
    print("| policy | seconds, median | transcripts a second |\n|---|---|---|")
    for more, times in seconds.items():
        median = statistics.median(times)
        print(f"| demo's and {more} rules more | {median:.1f} | {stored / median:,.0f} |")


def multiply(tables: Path, transcripts: int) -> int:
    """Copy what is stored under other ids; gives how many transcripts there are then."""
    with duckdb.connect(tables) as connection:
        (scored,) = connection.sql("select count(distinct transcript_id) from steps").fetchall()[0]
        copies = -(-transcripts // scored) - 1
        for table in COPIED:
            connection.execute(
                f"insert into {table} select * exclude (copy) "
                "replace (transcript_id || '-' || copy as transcript_id) "
                f"from {table}, range({copies}) r(copy)"
            )
    return scored * (copies + 1)


def with_rules(more: int, folder: Path) -> Path:
    policy = yaml.safe_load(POLICY.read_text(encoding="utf-8"))
    policy["version"] += more
    policy["rules"] += [{"id": f"M-{n:02}", "must": must} for n, must in enumerate(MORE[:more])]
    path = folder / f"policy-{more}.yaml"
    path.write_text(yaml.safe_dump(policy), encoding="utf-8")
    return path


def _qa(*arguments: str) -> None:
    command = [sys.executable, "-c", "from qa_scoring.cli import main; main()", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--transcripts", type=int, default=100_000)
    main(parser.parse_args().transcripts)
