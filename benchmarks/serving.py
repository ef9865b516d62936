"""Load on a running server: 8 clients, good and bad requests mixed, for a minute.

    qa-scoring serve -m models:/qa-scorer@champion --port 5001 &
    python benchmarks/serving.py http://127.0.0.1:5001 TRANSCRIPTS.jsonl --pid $!

Writes counts by status, p50 and p95 of good requests, and the server's memory at each quarter.
Every request must be answered, and with 2xx, 4xx, or 503 under overload.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

CLIENTS = 8
BAD = (
    b"",
    b"{",
    b'{"dataframe_records": 5}',
    b'{"dataframe_records": [{"transcript_id": 1, "turns": null}]}',
    b'{"dataframe_records": [{"turns": [{"role": "agent", "text": NaN}]}]}',
    b'{"dataframe_records":' + b"[" * 10_000,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("transcripts", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pid", type=int, help="of the server, to read its memory")
    arguments = parser.parse_args()
    records = [json.loads(line) for line in arguments.transcripts.open(encoding="utf-8")]
    load = Load(urlsplit(arguments.address), records, arguments.seconds)
    clients = [threading.Thread(target=load.client, args=(seed,)) for seed in range(CLIENTS)]
    for client in clients:
        client.start()
    memory = []
    for _ in range(4):
        time.sleep(arguments.seconds / 4)
        memory.append(resident_megabytes(arguments.pid))
    for client in clients:
        client.join()
    print(json.dumps({**load.summary(), "resident_megabytes": memory}, indent=2))


class Load:
    """What the clients send, and what came back."""

    def __init__(self, address, records: list[dict], seconds: float) -> None:
        self._address = address
        self._records = records
        self._seconds = seconds
        self._lock = threading.Lock()
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.scored = 0

    def client(self, seed: int) -> None:
        chosen = random.Random(seed)
        connection = http.client.HTTPConnection(self._address.hostname, self._address.port)
        ends = time.perf_counter() + self._seconds
        while time.perf_counter() < ends:
            good = chosen.random() < 0.8
            size = chosen.choice((1, 1, 1, 2, 4))
            body = (
                json.dumps({"dataframe_records": chosen.sample(self._records, size)}).encode()
                if good
                else chosen.choice(BAD)
            )
            self._send(connection, body, size if good else 0)

    def _send(self, connection: http.client.HTTPConnection, body: bytes, rows: int) -> None:
        started = time.perf_counter()
        try:
            connection.request("POST", "/invocations", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            status = str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            status = f"lost: {type(error).__name__}"
        with self._lock:
            self.statuses[f"{'good' if rows else 'bad'} {status}"] += 1
            if rows and status == "200":
                self.latencies.append(time.perf_counter() - started)
                self.scored += rows

    def summary(self) -> dict[str, object]:
        p50, p95 = np.quantile(self.latencies, [0.5, 0.95])
        return {
            "clients": CLIENTS,
            "seconds": self._seconds,
            "requests": self.statuses.total(),
            "answers": dict(sorted(self.statuses.items())),
            "transcripts_scored": self.scored,
            "p50_seconds": round(float(p50), 3),
            "p95_seconds": round(float(p95), 3),
        }


def resident_megabytes(pid: int | None) -> int | None:
    if pid is None:
        return None
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    return None


if __name__ == "__main__":
    main()
