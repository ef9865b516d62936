"""The exported folder scores as the trained model does, whatever else is in the batch."""

import json

import numpy as np
import pytest
from scipy.stats import spearmanr
from tiny import WORDS, example_of, transcript

from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.behaviours import BehaviourCalibration
from qa_scoring.scorer.calibration import Calibration
from qa_scoring.scorer.engines import OnnxEngine
from qa_scoring.scorer.rules import RuleCalibration
from qa_scoring.scorer.scorer import load_scorer
from qa_scoring.scorer.turns import pad
from training.export import export, export_encoder
from training.predict import predict, rule_vectors

# The older exporter warns that there is a newer one, whose graphs the quantiser cannot fuse, and
# of every Python branch it traces; these tests compare what came out.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::torch.jit.TracerWarning"
)

CALIBRATION = {d.name: Calibration(slope=1.0, intercept=0.0, quantile=0.5) for d in DIMENSIONS}
BEHAVIOUR = BehaviourCalibration(slope=1.0, intercept=0.0, least=0.5)
RULE = RuleCalibration(slope=1.0, intercept=0.0, sure=0.5)


@pytest.fixture(scope="module")
def folder(tiny_model, tokenizer_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("model")
    rng = np.random.default_rng(0)
    for_scales = [
        transcript(str(i), *(" ".join(rng.choice(WORDS, 6)) for _ in range(6))) for i in range(40)
    ]
    export(
        tiny_model,
        tokenizer_file,
        for_scales,
        CALIBRATION,
        {behaviour.name: BEHAVIOUR for behaviour in BEHAVIOURS},
        RULE,
        version="test",
        out=out,
    )
    return out


def _torch_logits(model, tokenizer, transcripts):
    results = predict(model, [example_of(t) for t in tokenizer.tokenise(transcripts)])
    return np.array([result.logits for result in results])


def test_int8_ranks_transcripts_as_torch_does(folder, tiny_model, tokenizer):
    rng = np.random.default_rng(1)
    many = [
        transcript(str(i), *(" ".join(rng.choice(WORDS, 5)) for _ in range(rng.integers(2, 9))))
        for i in range(60)
    ]
    exact = _torch_logits(tiny_model, tokenizer, many)
    ours = np.array([result.logits for result in load_scorer(folder).logits(many)])
    for column in range(len(DIMENSIONS)):
        assert spearmanr(exact[:, column], ours[:, column]).statistic > 0.95


def test_contributions_sum_to_the_logit(folder, transcripts):
    bias = json.loads((folder / "scorer.json").read_text())["bias"]
    expected = np.array([bias[d.name] for d in DIMENSIONS])
    for result in load_scorer(folder).logits(transcripts):
        np.testing.assert_allclose(expected + result.contributions.sum(0), result.logits, atol=1e-4)


def test_a_score_does_not_depend_on_its_batch_mates(folder, transcripts):
    together = load_scorer(folder).logits(transcripts)
    for alone, in_batch in zip(transcripts, together, strict=True):
        (result,) = load_scorer(folder).logits([alone])
        # 0.1 of 100 points is at least 0.004 on the logit scale.
        np.testing.assert_allclose(result.logits, in_batch.logits, atol=4e-3)


def test_the_unquantised_graph_equals_torch(tiny_model, tokenizer, transcripts, folder, tmp_path):
    export_encoder(tiny_model, tmp_path / "encoder.onnx")
    for name in ("heads.onnx", "rules.onnx"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    scorer = load_scorer(folder)
    scorer._encoder._engine = scorer._heads._engine = OnnxEngine(tmp_path)
    exact = _torch_logits(tiny_model, tokenizer, transcripts)
    ours = np.array([result.logits for result in scorer.logits(transcripts)])
    np.testing.assert_allclose(ours, exact, atol=1e-4)


def test_behaviours_come_out_as_in_torch(tiny_model, tokenizer, transcripts, folder, tmp_path):
    export_encoder(tiny_model, tmp_path / "encoder.onnx")
    for name in ("heads.onnx", "rules.onnx"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    scorer = load_scorer(folder)
    scorer._encoder._engine = scorer._heads._engine = OnnxEngine(tmp_path)
    exact = predict(tiny_model, [example_of(t) for t in tokenizer.tokenise(transcripts)])
    for expected, result in zip(exact, scorer.logits(transcripts), strict=True):
        np.testing.assert_allclose(result.behaviours, expected.behaviours, atol=1e-4)
        np.testing.assert_allclose(result.steps, expected.steps, atol=1e-3)


def test_rules_come_out_as_in_torch(tiny_model, tokenizer, folder, tmp_path):
    export_encoder(tiny_model, tmp_path / "encoder.onnx")
    for name in ("heads.onnx", "rules.onnx"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    sentences = tokenizer.sentences(["order booked", "call back", "refund not available"])
    engine = OnnxEngine(tmp_path)
    ours = engine.read_rules(np.concatenate([engine.encode(*pad([s])) for s in sentences]))
    exact = np.concatenate([rule_vectors(tiny_model, [s]) for s in sentences])
    np.testing.assert_allclose(ours, exact, atol=1e-3)
