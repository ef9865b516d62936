"""What covariates alone predict, each row by models that never saw its customer's targets.

Cross-fitting (Chernozhukov et al. 2018) with two learners of different kinds: ridge on an additive
spline basis, and boosted trees. Their out-of-fold predictions are stacked by non-negative least
squares over all rows, "short-stacking" (Ahrens, Hansen, Schaffer, Wiemann 2024). The basis comes
of the covariates alone, so it is made once, of all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import nnls
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

_MOST_CATEGORIES = 20
_ALPHAS = np.logspace(-2, 3, 11)
_QUANTILES, _KNOTS, _BOUND = 500, 7, 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """How rows are divided: rows of one customer are never on both sides.

    Args:
        groups:  (n,) code of each row's customer
    """

    groups: Codes
    count: int
    seed: int

    def split(self) -> list[tuple[Codes, Codes]]:
        """(rows to learn from, rows to predict) of each fold."""
        folds = GroupKFold(self.count, shuffle=True, random_state=self.seed)
        return list(folds.split(np.zeros(len(self.groups)), groups=self.groups))


def cross_fit(
    covariates: pd.DataFrame,
    targets: Array,
    folds: Folds,
    learners: Sequence[str],
    *,
    learn_from: npt.NDArray[np.bool_] | None = None,
) -> Array:
    """Out-of-fold predictions of each target from the covariates.

    Args:
        covariates:  (n, k); numbers, or text as categories; missing values allowed
        targets:     (n, p)
        learners:    ``spline``, ``boosting``, or both to be stacked
        learn_from:  (n,) rows to learn from; all rows are predicted

    Returns:
        (n, p)
    """
    usable = np.ones(len(targets), bool) if learn_from is None else learn_from
    found = np.zeros((len(learners), *targets.shape))
    for place, learner in enumerate(learners):
        inputs = _basis(learner, covariates).fit_transform(covariates)
        for learn, predict in folds.split():
            rows = learn[usable[learn]]
            found[place, predict] = _predicted(
                learner, inputs[rows], targets[rows], inputs[predict]
            )
    columns = [
        _stacked(found[:, usable, place], targets[usable, place], found[:, :, place])
        for place in range(targets.shape[1])
    ]
    return np.column_stack(columns)


def cross_fit_probability(
    covariates: pd.DataFrame, labels: npt.NDArray[np.bool_], folds: Folds, learner: str
) -> Array:
    """Out-of-fold probabilities of a yes-or-no from the covariates, (n,)."""
    found = np.zeros(len(labels))
    for learn, predict in folds.split():
        model = classifier(learner, covariates.iloc[learn])
        model.fit(covariates.iloc[learn], labels[learn])
        found[predict] = model.predict_proba(covariates.iloc[predict])[:, 1]
    return found


def classifier(learner: str, covariates: pd.DataFrame) -> Any:
    """An unfitted pipeline from raw covariates to probabilities.

    Args:
        learner:  ``spline``, ``boosting``, or ``linear``, a logistic regression without splines
    """
    if learner == "boosting":
        return make_pipeline(_as_numbers(covariates), HistGradientBoostingClassifier(**_TREES))
    if learner == "linear":
        return make_pipeline(_linear(covariates), LogisticRegression(max_iter=1000))
    return make_pipeline(spline_basis(covariates), LogisticRegression(C=0.1, max_iter=1000))


def _basis(learner: str, covariates: pd.DataFrame) -> ColumnTransformer:
    return spline_basis(covariates) if learner == "spline" else _as_numbers(covariates)


def _predicted(learner: str, inputs: Array, targets: Array, asked: Array) -> Array:
    """(len(asked), p) of each target by itself."""
    if learner == "spline":
        ridge = RidgeCV(alphas=_ALPHAS, alpha_per_target=True).fit(inputs, targets)
        predicted: Array = ridge.predict(asked).reshape(len(asked), -1)
        return predicted
    trees = (
        HistGradientBoostingRegressor(**_TREES).fit(inputs, target).predict(asked)
        for target in targets.T
    )
    return np.column_stack(list(trees))


_TREES: dict[str, Any] = {
    "max_iter": 80,
    "learning_rate": 0.08,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 25,
    "l2_regularization": 1.0,
    "early_stopping": False,
    "random_state": 0,
}


def spline_basis(covariates: pd.DataFrame) -> ColumnTransformer:
    """Each number as it is and as cubic splines of its normal score; each category's indicator.

    Normal scores (of the rank) first, so that outliers and ties do not place the knots; held
    within ``_BOUND``, since the least and greatest value have infinite ones and would leave most
    knots where there are no rows.
    """
    scores = QuantileTransformer(
        n_quantiles=max(2, min(_QUANTILES, len(covariates) // 2)),
        output_distribution="normal",
        subsample=None,
    )
    bounded = FunctionTransformer(np.clip, kw_args={"a_min": -_BOUND, "a_max": _BOUND})
    knots = SplineTransformer(n_knots=_KNOTS, include_bias=False)
    splines = make_pipeline(scores, bounded, knots)
    both = FeatureUnion([("linear", StandardScaler()), ("splines", splines)])
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), both)
    return _by_kind(covariates, numbers)


def _linear(covariates: pd.DataFrame) -> ColumnTransformer:
    """Each number in standard units, each category as its indicator."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return _by_kind(covariates, numbers)


def _as_numbers(covariates: pd.DataFrame) -> ColumnTransformer:
    """For trees: numbers as they are, missing ones too."""
    return _by_kind(covariates, "passthrough")


def _by_kind(covariates: pd.DataFrame, numbers: Any) -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("numbers", numbers, _numeric(covariates)),
            ("categories", _categories(), _categorical(covariates)),
        ],
        sparse_threshold=0,
    )


def _categories() -> OneHotEncoder:
    return OneHotEncoder(
        max_categories=_MOST_CATEGORIES, handle_unknown="infrequent_if_exist", sparse_output=False
    )


def _numeric(covariates: pd.DataFrame) -> list[str]:
    return [c for c in covariates if pd.api.types.is_numeric_dtype(covariates[c])]


def _categorical(covariates: pd.DataFrame) -> list[str]:
    return [c for c in covariates if not pd.api.types.is_numeric_dtype(covariates[c])]


def _stacked(learned: Array, target: Array, predicted: Array) -> Array:
    """The learners' predictions, weighed by how well they fit the rows learnt from."""
    if len(learned) == 1:
        alone: Array = predicted[0]
        return alone
    centre = target.mean()
    weights, _ = nnls((learned - centre).T, target - centre)
    stacked: Array = centre + weights @ (predicted - centre)
    return stacked
