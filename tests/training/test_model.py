import numpy as np
import pytest
import torch
from tiny import NAN, example_of

from qa_scoring.scorer.heads import pool
from training.batches import collate
from training.model import BEHAVIOURS_WEIGHT, TranscriptModel

LABELS = ("labels", "behaviour_labels", "weights")


def _examples(tokenizer, transcripts):
    return [example_of(tokens) for tokens in tokenizer.tokenise(transcripts)]


def _forward(model, examples):
    batch = collate(examples)
    with torch.no_grad():
        return model(**{k: v for k, v in batch.items() if k not in LABELS})


def test_contributions_and_bias_sum_to_the_logit(tiny_model, tokenizer, transcripts):
    output = _forward(tiny_model, _examples(tokenizer, transcripts))
    summed = tiny_model.bias + output.contributions.sum(1)
    torch.testing.assert_close(summed, output.logits, atol=1e-5, rtol=0)


def test_a_transcript_scores_the_same_alone_and_in_a_batch(tiny_model, tokenizer, transcripts):
    examples = _examples(tokenizer, transcripts)
    together = _forward(tiny_model, examples).logits
    alone = torch.cat([_forward(tiny_model, [example]).logits for example in examples])
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)


def test_the_scorer_pools_as_the_model_does(tiny_model, tokenizer, transcripts):
    examples = _examples(tokenizer, transcripts)
    output = _forward(tiny_model, examples)
    batch = collate(examples)
    with torch.no_grad():
        vectors = torch.cat([tiny_model.encode(*pair) for pair in batch["piece_batches"]])
        attention, values, _, _ = tiny_model.heads(
            vectors[batch["piece_index"]],
            *(batch[name] for name in ("roles", "from_start", "from_end", "mask")),
        )
    for row, example in enumerate(examples):
        count = len(example.tokens.pieces)
        logits, _ = pool(
            attention[row, :count].numpy(),
            values[row, :count].numpy(),
            example.tokens.roles,
            tiny_model.bias.detach().numpy(),
        )
        np.testing.assert_allclose(logits, output.logits[row].numpy(), atol=1e-5)


def test_only_agents_speak_for_empathy(tiny_model, tokenizer, transcripts):
    examples = _examples(tokenizer, transcripts)
    output = _forward(tiny_model, examples)
    for row, example in enumerate(examples):
        customers = torch.from_numpy(example.tokens.roles == 1).nonzero().flatten()
        assert output.contributions[row, customers, 0].abs().max() == 0


def test_a_label_that_does_not_exist_teaches_nothing(tiny_model, tokenizer, transcripts):
    tokens = tokenizer.tokenise(transcripts)
    known = [example_of(tokens[0], labels=(NAN, 1.0))]
    mixed = [*known, example_of(tokens[1])]
    assert tiny_model(**collate(known)).loss.item() == pytest.approx(
        tiny_model(**collate(mixed)).loss.item(), abs=1e-6
    )


def test_a_saved_model_comes_back_the_same(tiny_model, tokenizer, transcripts, tmp_path):
    examples = _examples(tokenizer, transcripts)
    tiny_model.save_pretrained(tmp_path)
    loaded = TranscriptModel.from_pretrained(tmp_path).eval()
    assert torch.equal(_forward(loaded, examples).logits, _forward(tiny_model, examples).logits)


def test_behaviours_are_learned_only_where_a_turn_was_labelled(tiny_model, tokenizer, transcripts):
    tokens = tokenizer.tokenise(transcripts)
    labelled = example_of(tokens[0], behaviours=1.0)
    labelled.behaviours[1:] = NAN
    loss = tiny_model(**collate([labelled, example_of(tokens[1])])).loss
    tiny_model.zero_grad()
    loss.backward()
    with torch.no_grad():
        tiny_model.heads.behaviour.bias -= 10.0 * tiny_model.heads.behaviour.bias.grad
    first = _forward(tiny_model, [labelled]).behaviours[0, 0]
    expected = BEHAVIOURS_WEIGHT * torch.nn.functional.softplus(-first).mean()
    again = tiny_model(**collate([labelled, example_of(tokens[1])])).loss
    assert again < loss
    assert again.item() == pytest.approx(expected.item(), abs=1e-5)
