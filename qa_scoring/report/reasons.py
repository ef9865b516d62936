"""Reason codes in plain English: why something was not scored, or not read."""

from __future__ import annotations

_MEANINGS = {
    # Could be read, but not scored fairly.
    "no_agent_turn": "The agent says nothing, so there is no work to judge.",
    "no_customer_turn": "The customer says nothing, so their need is not known.",
    "too_few_agent_words": "The agent says fewer than ten words.",
    "too_few_customer_words": "The customer says fewer than ten words.",
    "roles_uncertain": "Who is agent and who is customer could only be guessed. Name them with "
    "--roles.",
    "interval_too_wide": "The scorer was too unsure: its interval was wider than allowed.",
    "no_policy": "No policy was given, so there is no rule to check.",
    "no_rule_applies": "No rule of the policy applied to the contact.",
    "rules_unsure": "The scorer was not sure about any rule that may apply.",
    "unsure": "The scorer was not sure whether the rule was kept.",
    # Could not be used at all.
    "unknown_role": "A speaker is neither agent, customer nor system. Name them with --roles.",
    "missing_role": "A turn does not say who spoke.",
    "missing_id": "The transcript has no transcript_id.",
    "missing_field": "A field that is needed is not there.",
    "duplicate_id": "Another transcript in the same input has this transcript_id.",
    "not_contiguous": "The turns of one transcript are scattered over the table.",
    "no_turns": "The transcript has no turn.",
    "no_text": "The source holds no text, for example only a recording.",
    "bad_text": "A turn's text is not text.",
    "bad_type": "A field holds another kind of value than it should.",
    "bad_time": "A time is negative, not a number, or ends before it starts.",
    "bad_date": "A date cannot be read.",
    "future_date": "The transcript starts in the future.",
    "bad_transfers": "The number of transfers is not a count.",
    "bad_role_confidence": "The confidence of the roles is not between 0 and 1.",
    "bad_party": "A turn points at a speaker who is not listed.",
    "bad_json": "The line or file is not valid JSON; it may be cut off.",
    "bad_csv": "The row does not fit the table's columns or quoting.",
    "bad_parquet": "The file is not a valid Parquet file; it may be cut off.",
    "bad_gzip": "The file is not valid gzip.",
    "truncated_gzip": "The compressed file is cut off.",
    "bad_encoding": "The file is not UTF-8 text throughout.",
    "binary_file": "The file is binary, not text.",
    "empty_file": "The file is empty.",
    "unknown_format": "The file is of no format we know. Name it with --format.",
    "unreadable": "The file could not be opened or read.",
}


def meaning_of(reason: str) -> str | None:
    """One sentence for a known code; None for a code of someone else's."""
    if reason.startswith("language_"):
        language = reason.removeprefix("language_")
        return f"The language is “{language}”, which the scorer was not made for."
    return _MEANINGS.get(reason)
