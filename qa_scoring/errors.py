"""The errors users meet. One root; each error is also the builtin a caller would expect.

Every message says what was got, what was expected and what to do next.
"""

from __future__ import annotations


class QAScoringError(Exception):
    """Root of every error this package raises on purpose."""


class UsageError(QAScoringError, ValueError):
    """The command or call was wrong: an unknown format, a role mapping that does not parse."""


class InputUnreadable(QAScoringError, OSError):
    """A whole input cannot be read: it is missing, empty, or not a format we know."""


class TranscriptRejected(QAScoringError, ValueError):
    """One transcript cannot be used. The reader turns it into a row of the rejects table.

    Attributes:
        reason:    short machine-readable code, e.g. ``unknown_role``; stable, BI groups by it
        expected:  what would have been right, in words of ours: nothing of what was got
        got:       what was there, shortened; never a whole turn
    """

    def __init__(self, reason: str, *, expected: str, got: str) -> None:
        super().__init__(f"{reason}: expected {expected}; got {got}")
        self.reason = reason
        self.expected = expected
        self.got = got


class ModelMismatch(QAScoringError, ValueError):
    """A model folder is incomplete, altered, or of another artifact version."""


class PolicyError(QAScoringError, ValueError):
    """A policy cannot be read as written; the message begins with file and line."""


class StoreError(QAScoringError, RuntimeError):
    """The score tables cannot be opened or written."""


class EngineFailed(QAScoringError, RuntimeError):
    """What was to run the model elsewhere, such as a Spark cluster, did not start or broke off."""


class StoreConflict(StoreError):
    """The tables have changed since they were read; nothing was written."""


class NotEstimable(QAScoringError, ValueError):
    """The data cannot answer what was asked: too few grades, no variation, no overlap."""


class AlertUndelivered(QAScoringError, RuntimeError):
    """The webhook did not take an alert; the message names no address, which may be a secret."""


class UnknownTranscript(QAScoringError, KeyError):
    """No transcript of that id is in the tables."""

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return str(self.args[0])
