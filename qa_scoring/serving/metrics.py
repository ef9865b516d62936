"""What the server counts, in the Prometheus text format (version 0.0.4)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Upper ends of the latency histogram, in seconds.
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Counts since the start; safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._alerts: Counter[str] = Counter()
        self._alerts_lost: Counter[str] = Counter()
        self._within: Counter[float] = Counter()
        self._seconds = 0.0
        self.in_flight = 0

    def answered(self, status: int, error_code: str | None, seconds: float) -> None:
        """Count one request to /invocations.

        Args:
            status:      of HTTP
            error_code:  ours, None when it went well
            seconds:     from its first byte to its answer
        """
        with self._lock:
            self._requests[str(status)] += 1
            self._seconds += seconds
            self._within.update(bound for bound in SECONDS if seconds <= bound)
            if error_code is not None:
                self._errors[error_code] += 1

    def scored(self, statuses: Mapping[str, int]) -> None:
        """Count rows by their status."""
        with self._lock:
            self._rows.update(statuses)

    def alerted(self, cause: str) -> None:
        """Count one new alert."""
        with self._lock:
            self._alerts[cause] += 1

    def alert_lost(self, target: str) -> None:
        """Count one alert that did not get to the file or the webhook."""
        with self._lock:
            self._alerts_lost[target] += 1

    def text(self) -> str:
        """The page that Prometheus reads."""
        with self._lock:
            return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        yield from _counter("requests", "Requests to /invocations.", "status", self._requests)
        yield from _counter("errors", "Requests that failed.", "code", self._errors)
        yield from _counter("rows", "Rows answered.", "status", self._rows)
        yield from _counter("alerts", "Alerts raised.", "cause", self._alerts)
        yield from _counter("alerts_lost", "Alerts that did not arrive.", "at", self._alerts_lost)
        name = "qa_scoring_request_seconds"
        total = self._requests.total()
        yield f"# HELP {name} Time of a request to /invocations."
        yield f"# TYPE {name} histogram"
        for bound in SECONDS:
            yield f'{name}_bucket{{le="{bound}"}} {self._within[bound]}'
        yield f'{name}_bucket{{le="+Inf"}} {total}'
        yield f"{name}_sum {self._seconds:.6f}"
        yield f"{name}_count {total}"
        yield "# HELP qa_scoring_in_flight Requests being answered."
        yield "# TYPE qa_scoring_in_flight gauge"
        yield f"qa_scoring_in_flight {self.in_flight}"


def _counter(name: str, meaning: str, label: str, counts: Mapping[str, int]) -> Iterator[str]:
    yield f"# HELP qa_scoring_{name}_total {meaning}"
    yield f"# TYPE qa_scoring_{name}_total counter"
    for value, count in sorted(counts.items()):
        yield f'qa_scoring_{name}_total{{{label}="{value}"}} {count}'
