"""Makes the segmentation model from the customers' table: the same rows always give the same model.

In:  the Delta table gold/customer_rfm (one row a customer). Out: a folder with model and manifest.

    log1p -> standardise -> mixture of six round Gaussians -> each component named by where its centre lies

The mixture gives every customer a chance of belonging to each segment: the largest is the confidence. A
centre is named by the profile it is nearest to, each profile once (the assignment of least total distance).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import SettingError
from sidecars.scoring.models import MODEL_NAME, Manifest, Matrix, matrix, save

FEATURES = ("recency_days", "frequency", "monetary", "lifetime_value")
SEED = 20111210
STARTS = 10
ROWS_MIN = 100
# Where a segment's centre is expected: (recency, value) in standard deviations of the logarithms. Recency
# counts days, so a low one is a customer who was here lately; value is the mean of frequency and money.
PROFILES: Mapping[str, tuple[float, float]] = {
    "champions": (-1.3, 1.4),
    "loyal": (-0.3, 0.7),
    "promising": (-0.8, -0.2),
    "needs_attention": (0.3, 0.0),
    "at_risk": (0.8, -0.5),
    "hibernating": (0.9, -1.4),
}


@dataclass(frozen=True, slots=True)
class Fitted:
    estimator: Any
    segments: list[str]
    metrics: dict[str, Any]


def train(table: Path, out: Path) -> Manifest:
    """From the Delta table at `table` to a model in `out`."""
    return train_on(features_of(read_table(table), table), out, {"table": table.name})


def train_on(features: Matrix, out: Path, source: Mapping[str, Any]) -> Manifest:
    if len(features) < ROWS_MIN:
        raise SettingError(f"{len(features)} customers are too few to train on; it takes {ROWS_MIN} or more.")
    # The order of rows in a table is no part of its content.
    ordered = features[np.lexsort(features.T[::-1])]
    fitted = fit(ordered)
    return save(
        out,
        fitted.estimator,
        {
            "name": MODEL_NAME,
            "version": f"2+{fingerprint(fitted.estimator)}",
            "features": list(FEATURES),
            "segments": fitted.segments,
            "metrics": fitted.metrics,
            "training": {"rows": len(features), "seed": SEED, **source},
        },
    )


def fit(features: Matrix) -> Fitted:
    from sklearn.mixture import GaussianMixture
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    mixture = GaussianMixture(len(PROFILES), covariance_type="spherical", n_init=STARTS, random_state=SEED)
    estimator = make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), mixture)
    estimator.fit(features)
    segments = names_of(mixture.means_)
    return Fitted(estimator, segments, metrics_of(estimator, features, segments))


def names_of(centres: Matrix) -> list[str]:
    """The name of each component, by the least total distance between centres and profiles."""
    from scipy.optimize import linear_sum_assignment

    places = np.column_stack([centres[:, 0], centres[:, 1:3].mean(axis=1)])
    profiles = np.array(list(PROFILES.values()))
    distances = ((places[:, None, :] - profiles[None, :, :]) ** 2).sum(axis=2)
    _, chosen = linear_sum_assignment(distances)
    names = list(PROFILES)
    return [names[at] for at in chosen]


def metrics_of(estimator: Any, features: Matrix, segments: list[str]) -> dict[str, Any]:
    from sklearn.metrics import davies_bouldin_score, silhouette_score

    scaled = estimator[:-1].transform(features)
    chances = estimator.predict_proba(features)
    labels = chances.argmax(axis=1)
    sizes = {name: int((labels == at).sum()) for at, name in enumerate(segments)}
    medians = {
        name: dict(zip(FEATURES, np.median(features[labels == at], axis=0).round(2).tolist(), strict=True))
        for at, name in enumerate(segments)
        if sizes[name]
    }
    return {
        "silhouette": round(float(silhouette_score(scaled, labels, random_state=SEED)), 4),
        "davies_bouldin": round(float(davies_bouldin_score(scaled, labels)), 4),
        "log_likelihood": round(float(estimator.score(features)), 4),
        "mean_confidence": round(float(chances.max(axis=1).mean()), 4),
        "customers": sizes,
        "medians": medians,
    }


def fingerprint(estimator: Any) -> str:
    """Names what was learnt: equal models have equal versions."""
    scaler, mixture = estimator[-2], estimator[-1]
    learnt = (scaler.mean_, scaler.scale_, mixture.weights_, mixture.means_, mixture.covariances_)
    text = ";".join(",".join(f"{value:.6g}" for value in np.ravel(part)) for part in learnt)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def read_table(path: Path) -> Any:
    """The Delta table as an Arrow table."""
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(path)
    except (DeltaError, OSError) as error:
        raise SettingError(
            f"There is no Delta table at {path}. `penstock demo` lands one there; --table names another."
        ) from error
    names = [field.name for field in table.schema().fields if field.name.lower() in FEATURES]
    return pa.table(table.to_pyarrow_table(columns=names))


def features_of(table: Any, path: Path) -> Matrix:
    """The features in their order, whatever the case of the columns; rows with a NULL are left out."""
    by_name = {name.lower(): name for name in table.column_names}
    missing = [name for name in FEATURES if name not in by_name]
    if missing:
        raise SettingError(f"The table {path} has no column {', '.join(missing)}.")
    whole = table.select([by_name[name] for name in FEATURES]).drop_null()
    return matrix([whole.column(at).to_numpy() for at in range(len(FEATURES))])
