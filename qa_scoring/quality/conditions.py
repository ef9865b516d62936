"""Operating conditions as columns of a linear model: what an agent meets but does not choose."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qa_scoring.quality.frame import Frame, Texts

Floats = npt.NDArray[np.float64]

# A rare queue or channel has a column of its own only from this many transcripts on.
FEWEST_OF_A_KIND = 5


def condition_columns(frame: Frame) -> Floats:
    """(n, p) standardised columns: queues, channels, wait, transfers, hour; constant ones left out.

    What is not known has an indicator of its own, so that no transcript is dropped.
    """
    if not len(frame):
        return np.empty((0, 0))
    columns = [
        *_kinds(frame.queue),
        *_kinds(frame.channel),
        *_wait(frame.wait_seconds),
        *_transfers(frame.transfers),
        *_hour(frame.started_at),
    ]
    spreads = [float(column.std()) for column in columns]
    varying = [
        (column - column.mean()) / spread
        for column, spread in zip(columns, spreads, strict=True)
        if spread > 1e-12
    ]
    return np.column_stack(varying) if varying else np.empty((len(frame), 0))


def _kinds(values: Texts) -> list[Floats]:
    names, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    codes = np.where(counts[codes] < FEWEST_OF_A_KIND, len(names), codes)
    # The most frequent one is what the others are compared with.
    base = int(np.argmax(counts))
    return [(codes == code).astype(np.float64) for code in np.unique(codes) if code != base]


def _wait(seconds: Floats) -> list[Floats]:
    unknown = np.isnan(seconds)
    # The first minute of waiting costs more patience than the tenth.
    minutes = np.log1p(np.where(unknown, 0.0, seconds) / 60.0)
    return [minutes, minutes**2, unknown.astype(np.float64)]


def _transfers(count: Floats) -> list[Floats]:
    return [(count == 1).astype(np.float64), (count >= 2).astype(np.float64), _unknown(count)]


def _hour(started_at: npt.NDArray[np.datetime64]) -> list[Floats]:
    unknown = np.isnat(started_at)
    midnight = started_at.astype("datetime64[D]")
    hours = (started_at - midnight) / np.timedelta64(1, "h")
    angle = 2.0 * np.pi * np.where(unknown, 0.0, hours) / 24.0
    waves = [wave(angle * n) for n in (1, 2) for wave in (np.sin, np.cos)]
    return [*(np.where(unknown, 0.0, wave) for wave in waves), unknown.astype(np.float64)]


def _unknown(values: Floats) -> Floats:
    return np.isnan(values).astype(np.float64)
