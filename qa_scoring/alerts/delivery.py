"""Alerts on their way: lines of JSON in a file, and a webhook that may be down for a while.

The file is the record; posting is an attempt. Neither ever holds up or fails what raised the alert.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from qa_scoring.alerts.alert import Alert
from qa_scoring.alerts.config import WebhookSettings
from qa_scoring.errors import AlertUndelivered, UsageError

# Besides the server's own failures (5xx) these mean: come again later.
_LATER = (408, 425, 429)
_BEGINNING = b'{"alert_id": '
_logger = logging.getLogger(__name__)


class AlertLog:
    """Alerts as lines of JSON, appended.

    Args:
        path:  is made when it is missing

    Attributes:
        raised:  ids of the alerts that were there at first

    Raises:
        UsageError: it cannot be read or written, or holds something else
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("a+b") as file:
                file.seek(0)
                content = file.read()
                if not content.startswith(_BEGINNING[: len(content)]):
                    raise UsageError(
                        f"{path} is no file of alerts, and was left alone; name another"
                    )
                # A line that a kill cut short stays, and stays alone.
                if content and not content.endswith(b"\n"):
                    file.write(b"\n")
        except OSError as error:
            raise UsageError(f"cannot write alerts to {path}: {error.strerror}") from error
        self.raised = tuple(_ids(content))

    def write(self, alert: Alert) -> None:
        """Append one line. Raises OSError."""
        with self._path.open("ab") as file:
            file.write(f"{alert.json()}\n".encode())


def _ids(content: bytes) -> Iterator[str]:
    for line in content.splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            yield str(json.loads(line)["alert_id"])


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Followed, a POST would become a GET and the alert would be lost without a word."""


class Webhook:
    """Posts alerts, one JSON object a request.

    Args:
        sleep:  waits so many seconds between attempts

    Raises:
        UsageError: the environment has no http or https address under ``settings.url_env``
    """

    def __init__(
        self, settings: WebhookSettings, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._url = os.environ.get(settings.url_env, "")
        parts = urlsplit(self._url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"webhook.url_env names {settings.url_env}; expected an http or https address in "
                "that environment variable"
            )
        self._settings = settings
        self._sleep = sleep
        self._opener = urllib.request.build_opener(_NoRedirect)

    def post(self, alert: Alert) -> None:
        """Post, and again after growing waits while the other side fails.

        Raises:
            AlertUndelivered: it refused, or failed in every attempt
        """
        body = alert.json().encode()
        wait = self._settings.first_wait_seconds
        for attempt in range(1, self._settings.attempts + 1):
            failure, again = self._attempt(body)
            if failure is None:
                return
            if not again or attempt == self._settings.attempts:
                raise AlertUndelivered(f"the webhook answered {failure} in attempt {attempt}")
            self._sleep(wait)
            wait *= 2

    def _attempt(self, body: bytes) -> tuple[str | None, bool]:
        """What went wrong, if anything, and whether another attempt may help."""
        request = urllib.request.Request(  # noqa: S310 the scheme was checked
            self._url, body, {"content-type": "application/json"}
        )
        try:
            self._opener.open(request, timeout=self._settings.timeout_seconds).close()
        except urllib.error.HTTPError as error:
            error.close()
            return f"HTTP {error.code}", error.code >= 500 or error.code in _LATER
        except (OSError, HTTPException, ValueError) as error:
            return f"nothing ({type(error).__name__})", True
        return None, False


class Background:
    """Does something with each alert in a thread of its own, in order.

    Args:
        work:      may take long, and may fail
        capacity:  alerts that wait; what comes while they are so many is lost
        lost:      called for each alert that did not wait or whose work failed
    """

    def __init__(
        self, work: Callable[[Alert], None], *, capacity: int, lost: Callable[[], None]
    ) -> None:
        self._work = work
        self._lost = lost
        self._waiting: queue.Queue[Alert | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
        self._thread.start()

    def put(self, alert: Alert) -> None:
        """At once; never fails."""
        try:
            self._waiting.put_nowait(alert)
        except queue.Full:
            _logger.error("an alert is lost: %d are waiting", self._waiting.maxsize)
            self._lost()

    def close(self, seconds: float) -> None:
        """Finish what waits, for so long at most."""
        try:
            self._waiting.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _run(self) -> None:
        while (alert := self._waiting.get()) is not None:
            try:
                self._work(alert)
            except Exception as error:
                known = isinstance(error, AlertUndelivered)
                _logger.error("an alert is lost: %s", error if known else type(error).__name__)
                self._lost()


def deliver(alerts: Sequence[Alert], log: AlertLog, webhook: Webhook | None) -> None:
    """Post each and then write it, for a command, which may wait: what is not in the file was not
    delivered, and is found again by the next run.

    Raises:
        UsageError: the file cannot be written
        AlertUndelivered: the first one that the webhook did not take; those after were not tried
    """
    for place, alert in enumerate(alerts):
        try:
            if webhook is not None:
                webhook.post(alert)
            log.write(alert)
        except AlertUndelivered as error:
            raise AlertUndelivered(
                f"{place} of {len(alerts)} alerts were delivered, then {error}; run again for the "
                "others"
            ) from error
        except OSError as error:
            raise UsageError(f"cannot write alerts: {error.strerror}") from error
