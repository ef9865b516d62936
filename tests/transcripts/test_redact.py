"""Personal data is masked, nothing else is, and every span points at what is stored."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_scoring.transcripts import checkdigits
from qa_scoring.transcripts.redact import redact, redact_transcript
from qa_scoring.transcripts.schema import Role, Transcript, Turn

MASKED = [
    # e-mail
    ("write to john.smith+x@mail.example.co.uk.", "write to [EMAIL]."),
    ("[me](mailto:a_b@example.com)", "[me](mailto:[EMAIL])"),
    ("it's john dot smith at gmail dot com thanks", "it's [EMAIL] thanks"),
    ("my email is anna at contoso dot co dot uk", "my email is [EMAIL]"),
    ("that is j o h n dot s m i t h at yahoo dot com", "that is [EMAIL]"),
    ("john [at] gmail [dot] com", "[EMAIL]"),
    ("john @ gmail . com", "[EMAIL]"),
    # cards
    ("4111 1111 1111 1111", "[CARD]"),
    ("card:4111-1111-1111-1111, exp 12/26", "card:[CARD], exp 12/26"),
    ("4111111111111111 12/26", "[CARD] 12/26"),
    ("amex 378282246310005", "amex [CARD]"),
    ("call 5555 5555 5555 4444", "call [CARD]"),
    ("card number4111111111111111", "card number[CARD]"),
    ("4111.1111.1111.1111", "[CARD]"),
    ("four one one one " + "one " * 11 + "one ok", "[CARD] ok"),
    ("four double one one, triple one one uh double one double one one triple one", "[CARD]"),
    ("five five double five " + "5555 " * 2 + "four four double four", "[CARD]"),
    ("forty one eleven eleven eleven eleven eleven eleven eleven", "[CARD]"),
    # IBAN
    ("to DE89 3704 0044 0532 0130 00 and more", "to [IBAN] and more"),
    ("gb82west12345698765432", "[IBAN]"),
    # phones
    ("+1 (555) 123-4567", "[PHONE]"),
    ("+49 171 1234567.", "[PHONE]."),
    ("0044 20 7946 0958", "[PHONE]"),
    ("555-123-4567 or (555) 123 4567 or 1-800-555-0199", "[PHONE] or [PHONE] or [PHONE]"),
    ("06 12 34 56 78, 020 7946 0958, 0171/1234567", "[PHONE], [PHONE], [PHONE]"),
    ("al 612 345 678", "al [PHONE]"),
    ("call me at 5551234567 or 5557654321", "call me at [PHONE] or [PHONE]"),
    ("my number is five five five oh one two three four double six", "my number is [PHONE]"),
    # national ids
    ("123-45-6789 and 123 45 6789", "[NATIONAL_ID] and [NATIONAL_ID]"),
    ("social is one two three four five six seven eight nine", "social is [NATIONAL_ID]"),
    ("AB 12 34 56 C", "[NATIONAL_ID]"),
    ("12345678Z, X1234567L", "[NATIONAL_ID], [NATIONAL_ID]"),
    ("1 85 05 78 006 084 91", "[NATIONAL_ID]"),
    ("RSSMRA85T10A562S", "[NATIONAL_ID]"),
    ("2341 2341 2346", "[NATIONAL_ID]"),
    ("my BSN is 111222333", "my BSN is [NATIONAL_ID]"),
    ("SIN 046 454 286", "SIN [NATIONAL_ID]"),
    ("Steuer-ID: 86095742719", "Steuer-ID: [NATIONAL_ID]"),
    # CVV and PIN
    ("cvv is 123 and my pin is 1234", "cvv is [CVV] and my pin is [PIN]"),
    ("the security code, one two three", "the security code, [CVV]"),
]

KEPT = [
    "order #W2378156",
    "item id 1656367028",
    "item ids 1656367028, 4760268021 and 9612497925",
    "the new item is 1656367028, call it the blue one",
    "call me about order 1656367028",
    "phone case, item 1656367028",
    "Amazon order 402-1234567-1234567",
    "it cost $1,234.56, or 1.234,56 €, or 1234567 dollars",
    "on 2024-05-01, 01/05/2024, 01.05.2024, 05-01-24",
    "2024-05-01T09:30:00.123456Z and 2024-05-01 09:30:00",
    "call me between 9:30 and 17:00 on 2024-05-01",
    "call 10 minutes before 5 pm",
    "ZIP 90210, 02139-1234, SW1A 1AA",
    "tracking 9400111899223197428490, 1Z999AA10123456784",
    "timestamp 1589372301000, ISBN 9780306406157",
    "4111 1111 1111 1112",
    "GB82 WEST 1234 5698 7654 33",
    "12345678A and 000-12-3456",
    "look at amazon dot com, I bought it at walmart.com",
    "one two three four five",
    "no one told the two of us; one hundred and fifty of them",
    "3.14159265358979",
    "no 6011 at all",
    "already [CARD] and [PHONE] and [EMAIL]",
    "I will pin it, it is a secure code",
    "",
]


@pytest.mark.parametrize(("text", "expected"), MASKED)
def test_personal_data_is_masked(text: str, expected: str) -> None:
    assert redact(text).text == expected


@pytest.mark.parametrize("text", KEPT)
def test_other_numbers_are_kept(text: str) -> None:
    assert redact(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "４１１１ １１１１ １１１１ １１１１",  # full-width
        "٤١١١ ١١١١ ١١١١ ١١١١",  # Arabic-Indic
        "4111\u200b1111\u200b1111\u200b1111",
        "4\u200d1\u200d1\u200d1" + "1" * 12,
        "4111\u00a01111\u20091111\u202f1111",
        "4111\u20111111\u20131111\u22121111",
        "4111\ufffd1111\ufffd1111\ufffd1111",
        "4\ufe0f\u20e3" + "1\ufe0f\u20e3" * 15,  # keycaps
        "4111\n1111\n1111\n1111",
        "④①①①" + "①" * 12,
    ],
)
def test_odd_digits_and_invisible_characters_hide_no_card(text: str) -> None:
    redacted = redact(f"it is {text} ok")
    assert redacted.text.startswith("it is [CARD]") and redacted.text.endswith(" ok")
    assert not any(char.isdigit() for char in redacted.text)


PIECES = st.sampled_from(
    [pair[0] for pair in MASKED]
    + KEPT
    + [
        "call ",
        "4 ",
        "1",
        "+",
        "[PHONE]",
        "[CARD]",
        "[CVV",
        "]",
        "@",
        "\u200b",
        "é",
        "😀",
        "-",
        ".",
    ]
)
TEXTS = st.one_of(
    st.lists(PIECES, max_size=6).map("".join),
    st.lists(PIECES, max_size=6).map(" ".join),
    st.text(alphabet="0123456789 -.+()@a[]", max_size=80),
)


@settings(deadline=None, max_examples=150)
@given(TEXTS)
def test_spans_point_at_labels_and_the_rest_is_untouched(text: str) -> None:
    redacted = redact(text)
    kept, at, original_at = [], 0, 0
    for span in redacted.spans:
        assert redacted.text[span.start : span.end] == f"[{span.kind}]"
        assert original_at <= span.original_start < span.original_end <= len(text)
        assert redacted.text[at : span.start] == text[original_at : span.original_start]
        kept.append(redacted.text[at : span.start])
        at, original_at = span.end, span.original_end
    assert redacted.text[at:] == text[original_at:]


@settings(deadline=None, max_examples=150)
@given(TEXTS)
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = redact(text).text
    assert redact(once).text == once
    assert redact(once).spans == ()


@settings(deadline=None)
@given(
    st.from_regex(r"\A[2-6]\d{11,17}\Z"),
    st.sampled_from(["", " 12 26", " 123"]),
    st.sampled_from([1, 4, 20]),
)
def test_any_card_is_masked_however_it_is_grouped(body: str, after: str, group: int) -> None:
    check = next(digit for digit in "0123456789" if checkdigits.luhn(body + digit))
    card = body + check
    grouped = " ".join(card[i : i + group] for i in range(0, len(card), group))
    left = redact(f"it is {grouped}{after}").text.removeprefix("it is [CARD]")
    assert left == after[len(after) - len(left) :]


@pytest.mark.parametrize(
    "piece",
    [
        *("1", " ", "a@", "a.", "1 ", "4 ", "one ", "a ", "a at ", "a dot ", "+1 ", "DE89 ", "0 1"),
        *("4-", "(", "$1", "1,", "1\u200b", "a@b.com ", "call 5551234567; ", "[PHONE] 5551234567 "),
    ],
)
def test_long_monotonous_text_is_read_to_its_end(piece: str) -> None:
    long = piece * (20_000 // len(piece))
    assert redact(long + "; mail a.b@example.com").text.endswith("[EMAIL]")


def transcript(*turns: tuple[Role, str]) -> Transcript:
    return Transcript(
        transcript_id="T-1",
        turns=tuple(Turn(role=role, text=text, start=1.0) for role, text in turns),
        redacted_entities={"EMAIL": 1},
    )


def test_a_redacted_transcript_counts_by_kind_and_keeps_the_rest() -> None:
    given_ = transcript(
        ("customer", "555-123-4567 or 555-123-4568, mail a@b.com"), ("agent", "Thanks")
    )
    redacted = redact_transcript(given_)
    assert [turn.text for turn in redacted.turns] == ["[PHONE] or [PHONE], mail [EMAIL]", "Thanks"]
    assert redacted.redacted_entities == {"EMAIL": 2, "PHONE": 2}
    assert redacted.turns[0].start == 1.0 and redacted.transcript_id == "T-1"
    assert given_.turns[0].text.startswith("555")
    assert redact_transcript(redacted) == redacted


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("And the security code?", "It's 123", "It's [CVV]"),
        ("What's your phone number please?", "5551234567", "[PHONE]"),
        ("Your social?", "123456789", "[NATIONAL_ID]"),
        ("What's the item id?", "1656367028", "1656367028"),
        ("I'll call you. Which item?", "1656367028", "1656367028"),
    ],
)
def test_the_question_before_says_what_a_number_is(
    question: str, answer: str, expected: str
) -> None:
    redacted = redact_transcript(transcript(("agent", question), ("customer", answer)))
    assert redacted.turns[1].text == expected
    assert redact_transcript(redacted) == redacted
