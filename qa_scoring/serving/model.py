"""The scorer as MLflow calls it: data frames in, data frames out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from qa_scoring.scorer.scorer import load_scorer
from qa_scoring.serving.registry import ARTIFACT
from qa_scoring.serving.rows import OUTPUT_COLUMNS, RowScorer


class ScorerModel(PythonModel):
    """One row out for each row in; see ``qa_scoring.serving.rows`` for both."""

    def load_context(self, context: PythonModelContext) -> None:
        self._scorer = RowScorer(load_scorer(Path(context.artifacts[ARTIFACT])))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """
        Args:
            model_input:  columns of INPUT_COLUMNS, one transcript a row
            params:       of PARAMS

        Returns:
            OUTPUT_COLUMNS, as objects: in a typed column pandas would write None as NaN
        """
        known = model_input.astype(object).where(model_input.notna(), None)
        rows = self._scorer.rows(known.to_dict(orient="records"), params or {})
        return pd.DataFrame(rows, columns=list(OUTPUT_COLUMNS), dtype=object)
