"""What is worth an alert is read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa_scoring.alerts.config import AlertConfig, Escalation, UnscoredShare, load_alert_config
from qa_scoring.errors import UsageError

SHIPPED = Path(__file__).parent.parent.parent / "configs" / "alerts.yaml"


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "alerts.yaml"
        path.write_text(text)
        return load_alert_config(path)

    return write


def test_the_shipped_file_watches_everything_and_posts_nothing():
    shipped = load_alert_config(SHIPPED)
    assert None not in (
        shipped.escalation,
        shipped.critical_rule,
        shipped.unscored_share,
        shipped.drift,
    )
    assert shipped.webhook is None


def test_its_commented_webhook_is_one(config):
    text = SHIPPED.read_text()
    at = text.index("# webhook:")
    lines = [line.removeprefix("# ") for line in text[at:].splitlines()]
    assert config(text[:at] + "\n".join(lines)).webhook.url_env == "QA_SCORING_WEBHOOK"


def test_what_is_left_out_is_not_watched_and_an_empty_section_has_the_defaults(config):
    assert config("escalation: {}\nunscored_share: {above: 0.5}") == AlertConfig(
        escalation=Escalation(), unscored_share=UnscoredShare(above=0.5)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "watches nothing; expected some of escalation, critical_rule"),
        ("webhook: {url_env: X}", "watches nothing"),
        ("[1]", "got list; expected keys"),
        ("escalation: 3", "escalation: got int; expected keys"),
        ("escalation:", "escalation: got NoneType; expected keys"),
        ("escalaton: {}", "unknown key 'escalaton'; did you mean 'escalation'"),
        ("escalation: {rize: 1}", "escalation: unknown key 'rize'; did you mean 'rise'"),
        ("escalation: {rise: 0}", "escalation.rise=0; expected a number above 0, at most 3"),
        ("escalation: {rise: yes}", "escalation.rise=True; expected a number"),
        ("escalation: {rise: .nan}", "escalation.rise=nan; expected a number"),
        ("critical_rule: {probability: 2}", "critical_rule.probability=2; expected"),
        ("unscored_share: {of_latest: 2.5}", "unscored_share.of_latest=2.5; expected a whole"),
        ("drift: {current_days: 0}", "drift.current_days=0; expected a whole number, 1 or more"),
        ("escalation: {}\nwebhook: {}", "webhook: missing url_env"),
        ("escalation: {}\nwebhook: {url_env: [a]}", "webhook.url_env"),
        ("a: [", "cannot read"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(config, text, message):
    with pytest.raises(UsageError) as raised:
        config(text)
    assert message in str(raised.value)
    assert "alerts.yaml" in str(raised.value)
