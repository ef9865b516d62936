import numpy as np
import pytest
import torch

from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.heads import pool
from training.batches import Example, collate
from training.model import TranscriptModel


def _examples(tokenizer, transcripts):
    labels = tuple(float("nan") for _ in DIMENSIONS)
    return [Example(tokens, labels, 1.0) for tokens in tokenizer.tokenise(transcripts)]


def _forward(model, examples):
    batch = collate(examples)
    with torch.no_grad():
        return model(**{k: v for k, v in batch.items() if k not in ("labels", "weights")})


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
        attention, values = tiny_model.heads(
            vectors[batch["piece_index"]],
            *(batch[name] for name in ("roles", "from_start", "from_end", "mask")),
        )
    for row, example in enumerate(examples):
        count = len(example.tokens.pieces)
        result = pool(
            attention[row, :count].numpy(),
            values[row, :count].numpy(),
            example.tokens.roles,
            tiny_model.bias.detach().numpy(),
        )
        np.testing.assert_allclose(result.logits, output.logits[row].numpy(), atol=1e-5)


def test_only_agents_speak_for_empathy(tiny_model, tokenizer, transcripts):
    examples = _examples(tokenizer, transcripts)
    output = _forward(tiny_model, examples)
    for row, example in enumerate(examples):
        customers = torch.from_numpy(example.tokens.roles == 1).nonzero().flatten()
        assert output.contributions[row, customers, 0].abs().max() == 0


def test_a_label_that_does_not_exist_teaches_nothing(tiny_model, tokenizer, transcripts):
    tokens = tokenizer.tokenise(transcripts)
    nan = float("nan")
    known = [Example(tokens[0], (nan, 1.0), 1.0)]
    mixed = [*known, Example(tokens[1], (nan, nan), 1.0)]
    assert tiny_model(**collate(known)).loss.item() == pytest.approx(
        tiny_model(**collate(mixed)).loss.item(), abs=1e-6
    )


def test_a_saved_model_comes_back_the_same(tiny_model, tokenizer, transcripts, tmp_path):
    examples = _examples(tokenizer, transcripts)
    tiny_model.save_pretrained(tmp_path)
    loaded = TranscriptModel.from_pretrained(tmp_path).eval()
    assert torch.equal(_forward(loaded, examples).logits, _forward(tiny_model, examples).logits)
