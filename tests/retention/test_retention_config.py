"""Settings are checked as a whole before anything runs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from qa_scoring.errors import UsageError
from qa_scoring.retention.config import RetentionConfig, UnitCosts, load_config

ROOT = Path(__file__).parents[2]


def written(folder: Path, text: str) -> Path:
    path = folder / "retention.yaml"
    path.write_text(text)
    return path


def test_the_shipped_configuration_loads() -> None:
    config = load_config(ROOT / "configs" / "retention.yaml")
    assert config.value is not None
    assert config.value.currency == "EUR"
    assert config.learners == ("spline", "boosting")


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "")) == RetentionConfig()


def test_values_come_from_the_file(tmp_path: Path) -> None:
    text = "window_days: 30\nobserved_until: 2026-05-01\nvalue: {currency: USD, customer_value: 9, "
    config = load_config(written(tmp_path, text + "customers: 5}"))
    assert (config.window_days, config.observed_until) == (30, date(2026, 5, 1))
    assert config.value == UnitCosts(currency="USD", customer_value=9, customers=5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("window_dais: 3", "unknown key 'window_dais'; did you mean 'window_days'"),
        ("window_days: 0", "got window_days=0; expected a whole number, 1 or more"),
        ("window_days: yes", "got window_days=True"),
        ("test_share: 1.5", "got test_share=1.5; expected a share between 0 and 1"),
        ("learners: [forest]", "expected some of spline, boosting"),
        ("observed_until: soon", "got observed_until='soon'; expected a date or null"),
        ("value: {currency: EUR}", "missing customer_value, customers"),
        ("value: {currency: EUR, customer_value: -1, customers: 3}", "value.customer_value=-1"),
        ("- a", "got list; expected keys with values"),
        ("a: [", "cannot read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        load_config(written(tmp_path, text))
    assert message in str(raised.value)
    assert "retention.yaml" in str(raised.value)
