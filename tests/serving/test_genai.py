"""AI agents' traces, scored in a local store as any transcript is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mlflow_store import MLFLOW_WARNS

from qa_scoring import load_scorer
from qa_scoring.errors import PolicyError
from qa_scoring.transcripts.schema import Transcript, Turn

pytestmark = MLFLOW_WARNS

ROOT = Path(__file__).parent.parent.parent
POLICY = ROOT / "configs" / "policies" / "demo.yaml"
ASKED = (
    "Hi, I ordered a kettle last week and the box came with the lid cracked right through. "
    "You can call me on 020 7946 0958."
)
KIND = (
    "I am so sorry about the cracked lid, that is a poor start to the week. I have booked a new "
    "kettle for you, it arrives on Tuesday."
)


@pytest.fixture
def genai():
    from qa_scoring.serving import genai

    genai.use()
    yield genai
    genai.use()


@pytest.fixture
def traces(store):
    """One agent that answers kindly, one that hardly answers."""
    import mlflow

    @mlflow.trace
    def agent(messages, answer):
        return {"choices": [{"message": {"role": "assistant", "content": answer}}]}

    for answer in (KIND, "No."):
        agent([{"role": "user", "content": ASKED}], answer)
    mlflow.flush_trace_async_logging()
    found = mlflow.search_traces(return_type="list")
    return sorted(found, key=lambda trace: len(trace.data.response), reverse=True)


def of_library():
    turns = (Turn(role="customer", text=ASKED), Turn(role="agent", text=KIND))
    (scored,) = load_scorer().score([Transcript(transcript_id="T-1", turns=turns)])
    return scored


def test_traces_are_scored_into_the_store(genai, traces):
    import mlflow

    genai.use(policy=POLICY)
    scorers = [genai.empathy, genai.resolution, genai.policy]
    result = mlflow.genai.evaluate(data=traces, scorers=scorers)
    written = {
        (trace.info.trace_id, each.name): each
        for trace in mlflow.search_traces(return_type="list")
        for each in trace.info.assessments
    }
    kind, curt = (trace.info.trace_id for trace in traces)
    assert len(written) == 6
    empathy = written[kind, "empathy"]
    # Not exactly: the library was asked without masking the number.
    assert empathy.value == pytest.approx(of_library().empathy.score, abs=5.0)
    assert KIND in empathy.rationale
    assert empathy.metadata["status"] == "scored"
    assert float(empathy.metadata["ci_low"]) < empathy.value <= float(empathy.metadata["ci_high"])
    assert (empathy.source.source_type, empathy.metadata["scorer_name"]) == ("CODE", "qa-scorer")
    assert written[kind, "policy"].metadata["policy_id"] == "demo"
    assert "D-03" in written[kind, "policy"].rationale
    for item in ("empathy", "resolution", "policy"):
        unscored = written[curt, item]
        assert unscored.value is None
        assert unscored.rationale == "not scored: too_few_agent_words"
        assert unscored.metadata["reason"] == "too_few_agent_words"
    # One that could not be scored is no zero in the mean.
    assert result.metrics["empathy/mean"] == pytest.approx(empathy.value)
    assert not any("7946" in each.rationale for each in written.values())


def test_a_trace_alone_and_inputs_with_outputs_give_the_same(genai, traces):
    of_trace = genai.empathy(trace=traces[0])
    of_both = genai.empathy(inputs={"question": ASKED}, outputs=KIND)
    assert of_trace.value == of_both.value is not None
    assert of_trace.rationale == of_both.rationale


def test_a_policy_is_asked_for_by_its_file(genai, tmp_path):
    assert genai.policy(inputs=ASKED, outputs=KIND).metadata["reason"] == "no_policy"
    with pytest.raises(PolicyError, match="cannot be read"):
        genai.use(policy=tmp_path / "missing.yaml")
    genai.use(policy=POLICY)
    assert genai.policy(inputs=ASKED, outputs=KIND).metadata["status"] == "scored"


def test_what_is_no_conversation_is_not_scored_and_says_what_was_expected(genai):
    feedback = genai.resolution(inputs={"a": 1}, outputs=None)
    assert feedback.value is None
    assert feedback.rationale == "not scored: no_turns; expected at least one turn"
    assert feedback.metadata["status"] == "rejected"


def test_the_example_in_the_documentation_runs(genai, store, capsys):
    blocks = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "docs/serving.md").read_text(), re.M | re.S
    )
    (example,) = (block for block in blocks if "serving.genai" in block)
    exec(example.replace("configs/", f"{ROOT}/configs/"), {})
    printed = capsys.readouterr().out
    assert all(f"{item}/mean" in printed for item in ("empathy", "resolution", "policy"))
