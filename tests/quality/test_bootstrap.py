"""Resampling: what is alike is drawn together."""

import numpy as np

from qa_scoring.quality.bootstrap import bootstrap


def test_groups_widen_the_interval():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=30), 20)  # twenty alike in each of thirty groups
    rows = [str(i) for i in range(600)]
    groups = [str(i // 20) for i in range(600)]

    def mean(at: np.ndarray) -> float:
        return float(values[at].mean())

    by_row, by_group = bootstrap(mean, rows), bootstrap(mean, groups)
    assert by_group.high - by_group.low > 3 * (by_row.high - by_row.low)


def test_a_figure_that_never_exists_has_no_interval():
    found = bootstrap(lambda _: float("nan"), ["a", "b"])
    assert np.isnan([found.value, found.low, found.high]).all()
