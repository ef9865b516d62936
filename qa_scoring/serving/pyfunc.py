"""The file that MLflow runs to make the model ("models from code"): no object is pickled."""

from __future__ import annotations

from mlflow.models import set_model

from qa_scoring.serving.model import ScorerModel

set_model(ScorerModel())
