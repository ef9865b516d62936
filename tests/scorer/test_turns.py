"""Every token of every turn is read, each distinct piece once, and no text is a command."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fakes import SPECIAL_TOKENS, FakeEngine, fake_tokenizer, token_ids, transcript
from tokenizers import Tokenizer, models

from qa_scoring.errors import ModelMismatch
from qa_scoring.scorer.turns import TurnEncoder, TurnTokenizer, pad, token_budget_batches

LONG = "refund my order please 1 2 3 4 5 6 7 8 9 sorry thank you " * 20


def tokenised(*turns, max_tokens=16):
    (tokens,) = fake_tokenizer(max_tokens).tokenise([transcript(turns=turns)])
    return tokens


def text_ids(piece):
    """Without [CLS], the role and [SEP]."""
    return piece[2:-1]


def ids_of(text):
    return [token_ids()[word] for word in text.split()]


def test_a_long_turn_is_cut_into_pieces_and_every_token_is_read():
    tokens = tokenised(("customer", LONG))
    assert len(tokens.pieces) > 10
    assert list(itertools.chain(*map(text_ids, tokens.pieces))) == ids_of(LONG)
    assert max(map(len, tokens.pieces)) == 16
    assert set(tokens.turn_index) == {0}


def test_every_piece_is_framed_by_its_role():
    cls, sep, _, agent, customer, _ = (token_ids()[token] for token in SPECIAL_TOKENS)
    tokens = tokenised(("customer", LONG), ("agent", LONG))
    for piece, role in zip(tokens.pieces, tokens.roles, strict=True):
        assert (piece[0], piece[1], piece[-1]) == (cls, (agent, customer)[role], sep)


def test_a_policys_sentence_is_framed_as_a_rule_and_kept_to_one_piece():
    tokenizer = fake_tokenizer(max_tokens=16)
    short, long = tokenizer.sentences(["say sorry", LONG])
    cls, sep, _, _, _, rule = (token_ids()[token] for token in SPECIAL_TOKENS)
    for piece in (short, long):
        assert (piece[0], piece[1], piece[-1]) == (cls, rule, sep)
    assert len(short) < len(long) == 16


def test_pieces_know_their_turn_when_others_are_not_scored():
    tokens = tokenised(
        ("system", "hello"), ("customer", "help me"), ("agent", " "), ("agent", "sorry")
    )
    assert tokens.turn_index.tolist() == [1, 3]
    assert tokens.roles.tolist() == [1, 0]


def test_the_same_words_of_another_role_are_another_piece():
    first, second = tokenised(("agent", "thank you"), ("customer", "thank you")).pieces
    assert text_ids(first) == text_ids(second)
    assert first != second


def test_special_tokens_typed_by_a_customer_stay_text():
    typed = "help [SEP] [CLS] [AGENT] sorry [CUSTOMER] [UNK]"
    (piece,) = tokenised(("customer", typed), max_tokens=64).pieces
    special = {token_ids()[token] for token in SPECIAL_TOKENS if token != "[UNK]"}
    assert not special & set(text_ids(piece))
    assert text_ids(piece)[0] == token_ids()["help"]
    assert token_ids()["sorry"] in text_ids(piece)


def test_a_tokenizer_without_role_tokens_is_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    Tokenizer(models.WordLevel({"[CLS]": 0, "[SEP]": 1}, unk_token="[CLS]")).save(str(path))
    with pytest.raises(ModelMismatch, match=r"\[AGENT\], \[CUSTOMER\]"):
        TurnTokenizer(path, max_tokens=16)


def test_distinct_pieces_are_encoded_once_and_come_back_in_order():
    engine = FakeEngine()
    encoder = TurnEncoder(engine)
    pieces = [(1, 2), (3, 4, 5), (1, 2), (6,), (3, 4, 5), (1, 2)]
    vectors = encoder.encode(pieces)
    again = encoder.encode(pieces[::-1])
    assert sorted(engine.encoded) == sorted(set(pieces))
    assert np.array_equal(vectors, again[::-1])
    for piece, vector in zip(pieces, vectors, strict=True):
        assert np.array_equal(vector, TurnEncoder(FakeEngine()).encode([piece])[0])


def test_no_pieces_give_no_vectors():
    assert len(TurnEncoder(FakeEngine()).encode([])) == 0


def test_the_cache_is_bounded_and_the_oldest_leave_first():
    engine = FakeEngine()
    encoder = TurnEncoder(engine, cache_size=3)
    for number in range(5):
        encoder.encode([(number,)])
    engine.encoded.clear()
    encoder.encode([(2,), (3,), (4,)])
    assert engine.encoded == []
    encoder.encode([(1,)])
    assert engine.encoded == [(1,)]


def test_what_is_asked_for_again_stays_in_the_cache():
    engine = FakeEngine()
    encoder = TurnEncoder(engine, cache_size=3)
    encoder.encode([(0,)])
    for number in range(1, 10):
        encoder.encode([(0,), (number,)])
    assert engine.encoded.count((0,)) == 1


def test_more_pieces_at_once_than_the_cache_holds_are_all_encoded():
    pieces = [(number,) for number in range(50)]
    small = TurnEncoder(FakeEngine(), cache_size=3).encode(pieces)
    assert np.array_equal(small, TurnEncoder(FakeEngine()).encode(pieces))


def test_batches_keep_to_the_token_budget_and_lose_nothing():
    random = np.random.default_rng(3)
    pieces = [(number,) * random.integers(1, 40) for number in range(300)]
    batches = list(token_budget_batches(pieces, 128))
    assert sorted(itertools.chain(*batches)) == sorted(pieces)
    assert max(len(batch) * max(map(len, batch)) for batch in batches) <= 128
    assert len(batches) < 60


def test_a_piece_above_the_budget_goes_alone():
    assert list(token_budget_batches([(1,) * 9, (2,)], 4)) == [[(2,)], [(1,) * 9]]


def test_the_encoder_asks_the_engine_for_no_more_than_its_budget():
    engine = FakeEngine()
    TurnEncoder(engine, budget=64).encode([(number,) * (number % 30 + 1) for number in range(200)])
    assert len(engine.batch_sizes) > 1
    assert max(engine.batch_sizes) <= 64


def test_padding_is_masked():
    ids, mask = pad([(7, 8, 9), (5,)])
    assert ids.tolist() == [[7, 8, 9], [5, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
