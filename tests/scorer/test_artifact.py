"""A model folder is loaded whole and as it was exported, or not at all."""

from __future__ import annotations

import json

import pytest
from fakes import fake_manifest

from qa_scoring.errors import ModelMismatch, UsageError
from qa_scoring.rubric.dimensions import rubric_hash
from qa_scoring.scorer.artifact import HASHED_FILES, file_digests, read_manifest, write_manifest
from qa_scoring.scorer.engines import OnnxEngine
from qa_scoring.scorer.scorer import load_scorer


@pytest.fixture
def folder(tmp_path):
    """Complete by its manifest; the networks in it are none."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in HASHED_FILES:
        (folder / name).write_text(f"content of {name}")
    write_manifest(folder, fake_manifest(sha256=file_digests(folder)))
    return folder


def change(folder, **fields):
    path = folder / "scorer.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | fields))


def refusal(folder):
    with pytest.raises(ModelMismatch) as refused:
        read_manifest(folder)
    return str(refused.value)


def test_a_manifest_reads_back_as_it_was_written(folder):
    assert read_manifest(folder) == fake_manifest(sha256=file_digests(folder))


@pytest.mark.parametrize("name", HASHED_FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    message = refusal(folder)
    assert name in message and str(folder) in message and "incomplete" in message


@pytest.mark.parametrize("name", HASHED_FILES)
def test_an_altered_file_is_named_with_what_to_do(folder, name):
    with (folder / name).open("a") as file:
        file.write(" ")
    message = refusal(folder)
    assert str(folder / name) in message and "install or export" in message


def test_a_file_the_manifest_does_not_vouch_for_is_refused(folder):
    change(folder, sha256={})
    assert "encoder.onnx" in refusal(folder)


def test_a_model_of_another_rubric_is_refused(folder):
    change(folder, rubric_hash="0123456789ab")
    message = refusal(folder)
    assert "0123456789ab" in message and rubric_hash() in message and "Retrain" in message


@pytest.mark.parametrize("version", [0, 1, "2", None])
def test_another_artifact_version_is_refused(folder, version):
    change(folder, artifact_version=version, a_field_of_that_version=True)
    message = refusal(folder)
    assert f"version {version}" in message and "Export" in message


@pytest.mark.parametrize("field", ["bias", "calibration"])
def test_other_dimensions_than_the_rubric_has_are_refused(folder, field):
    content = json.loads((folder / "scorer.json").read_text())
    change(folder, **{field: {"empathy": content[field]["empathy"]}})
    assert "'empathy', 'resolution'" in refusal(folder)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "{}", '{"artifact_version": 2}', "\ud83d", "[" * 100_000],
    ids=["nothing", "cut", "list", "null", "empty", "lacking", "no text", "deep"],
)
def test_garbage_is_no_manifest(folder, content):
    (folder / "scorer.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    assert str(folder / "scorer.json") in refusal(folder)


@pytest.mark.parametrize(
    "fields",
    [
        {"unheard_of": 1},
        {"languages": None},
        {"calibration": {"empathy": {"slope": -1, "intercept": 0, "quantile": 0}}},
        {"calibration": {"empathy": {"slope": "steep", "intercept": 0, "quantile": 0}}},
        {"calibration": []},
        {"bias": None},
        {"sha256": None},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_wrong_fields_are_no_manifest(folder, fields):
    change(folder, **fields)
    assert str(folder) in refusal(folder)


def test_a_folder_without_a_manifest_says_how_to_make_one(tmp_path):
    assert "training export" in refusal(tmp_path)


def test_a_model_that_is_no_folder_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="no model folder"):
        load_scorer(tmp_path / "nowhere")


def test_a_vouched_for_file_that_is_no_tokenizer_or_network_is_refused(folder):
    with pytest.raises(ModelMismatch, match=r"tokenizer\.json"):
        load_scorer(folder)
    with pytest.raises(ModelMismatch, match=r"encoder\.onnx"):
        OnnxEngine(folder)
