"""The evaluation in words: one Markdown page of tables."""

from __future__ import annotations

from collections.abc import Sequence

from training.evaluate import Figure


def markdown(figures: Sequence[Figure]) -> str:
    """Agreement beside the baselines, then calibration, turns and slices."""
    sections = [
        ("Agreement on tasks never trained on", _beside_baselines(_part(figures, "main"))),
        ("Calibration and abstention", _plain(_part(figures, "calibration"))),
        ("Behaviours and frustration, by turn", _plain(_part(figures, "behaviour"))),
        ("Slices", _plain(_part(figures, "slice"))),
    ]
    return "\n".join(f"## {title}\n\n{table}\n" for title, table in sections if table)


def _part(figures: Sequence[Figure], name: str) -> list[Figure]:
    return [figure for figure in figures if figure.part_of == name]


def _beside_baselines(figures: Sequence[Figure]) -> str:
    predictors = list(dict.fromkeys(figure.predictor for figure in figures))
    rows = [f"| data | label | metric | {' | '.join(predictors)} |"]
    rows.append("|---|---|---|" + "---|" * len(predictors))
    for source, label, metric in dict.fromkeys((f.source, f.label, f.metric) for f in figures):
        found = {
            f.predictor: f.estimate
            for f in figures
            if (f.source, f.label, f.metric) == (source, label, metric)
        }
        cells = [str(found[p]) if p == "model" else f"{found[p].value:.3f}" for p in predictors]
        rows.append(f"| {source} | {label} | {metric} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _plain(figures: Sequence[Figure]) -> str:
    if not figures:
        return ""
    rows = [
        f"| {f.source} | {f.label} | {f.name or '-'} | {f.metric} | {f.estimate} |" for f in figures
    ]
    return "\n".join(["| data | label | of | metric | model |", "|---|---|---|---|---|", *rows])
