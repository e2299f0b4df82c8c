"""A model on disk: a skops file and a manifest, checked against each other before anything is loaded.

In:  a folder with model.skops and manifest.json. Out: a Model that scores columns of features.

The manifest says what the file can't: features in order, segments by component, the libraries it was made
with, the file's sha256, metrics. No pickle: skops loads only the types listed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from penstock.errors import PenstockError, SettingError
from penstock.settings import read

MODEL_NAME = "customer_segmentation_v2"
MODEL_FILE, MANIFEST_FILE = "model.skops", "manifest.json"
SHIPPED = Path(__file__).resolve().parents[2] / "models"
LIBRARIES = ("scikit-learn", "skops", "numpy")
# scikit-learn promises that a stored estimator works only in the version that made it; its patch releases
# keep the attributes, so the first two figures have to agree.
MUST_AGREE = "scikit-learn"
# The types a model file may hold beside those of scikit-learn and numpy that skops itself knows as safe.
TRUSTED: tuple[str, ...] = ()

Matrix = npt.NDArray[np.float64]


class ModelFailure(PenstockError):
    """A model that can't be used; says which file and what to do."""


class Estimator(Protocol):
    def predict_proba(self, features: Matrix) -> Matrix: ...


class Manifest(msgspec.Struct, frozen=True):
    name: str
    version: str
    features: list[str]
    segments: list[str]
    libraries: dict[str, str]
    sha256: str
    metrics: dict[str, Any]
    training: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scores:
    segments: list[str]
    confidences: list[float]


@dataclass(frozen=True, slots=True)
class Model:
    manifest: Manifest
    estimator: Estimator

    def score(self, features: Matrix) -> Scores:
        """The most likely segment of each row, and how likely it is."""
        chances = self.estimator.predict_proba(features)
        best = chances.argmax(axis=1)
        names = self.manifest.segments
        confidences = chances[np.arange(len(best)), best]
        return Scores([names[at] for at in best], [round(float(value), 6) for value in confidences])


def model_folder() -> Path:
    """PENSTOCK_MODELS/<name>, by default the models that Penstock ships."""
    return read("models", Path, SHIPPED) / MODEL_NAME


def load(folder: Path) -> Model:
    manifest = read_manifest(folder)
    path = folder / MODEL_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFailure(f"The model file {path} can't be read: {error.strerror}.") from error
    check(manifest, content, path)
    return Model(manifest, estimator_of(content, path))


def read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise SettingError(
            f"There is no model in {folder}: {error.strerror}. `penstock models train` makes one."
        ) from error
    except msgspec.MsgspecError as error:
        raise ModelFailure(f"{path} is no manifest of a model: {error}.") from error


def check(manifest: Manifest, content: bytes, path: Path) -> None:
    """The manifest must speak of this very file, and of the libraries that are installed."""
    found = hashlib.sha256(content).hexdigest()
    if found != manifest.sha256:
        raise ModelFailure(
            f"{path} is not the file that its manifest describes (sha256 {found[:12]}..., expected "
            f"{manifest.sha256[:12]}...). Restore both, or train again with `penstock models train`."
        )
    made_with, installed = manifest.libraries.get(MUST_AGREE, "none"), version(MUST_AGREE)
    if minor(made_with) != minor(installed):
        raise ModelFailure(
            f"{path} was made with {MUST_AGREE} {made_with}, but {installed} is installed. Install "
            f"{MUST_AGREE}=={made_with}, or train again with `penstock models train`."
        )


def minor(text: str) -> tuple[str, ...]:
    return tuple(text.split(".")[:2])


def estimator_of(content: bytes, path: Path) -> Estimator:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.io.loads(content, trusted=list(TRUSTED))
    except UntrustedTypesFoundException as error:
        raise ModelFailure(
            f"{path} holds types that a model has no use for, so it was not loaded: {error}"
        ) from error
    except Exception as error:
        # skops reads a zip of JSON and arrays: a damaged one fails in many ways, all of them meaning this.
        raise ModelFailure(f"{path} can't be loaded: {error}") from error


def save(folder: Path, estimator: Any, manifest: Mapping[str, Any]) -> Manifest:
    """Write both files; the manifest last, so that a half-written model is never taken for one."""
    import skops.io

    content: bytes = skops.io.dumps(estimator)
    complete = msgspec.convert(
        {
            **manifest,
            "libraries": {name: version(name) for name in LIBRARIES},
            "sha256": hashlib.sha256(content).hexdigest(),
        },
        Manifest,
    )
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / MODEL_FILE, content)
    replace(folder / MANIFEST_FILE, msgspec.json.format(msgspec.json.encode(complete), indent=2) + b"\n")
    return complete


def replace(path: Path, content: bytes) -> None:
    beside = path.with_suffix(path.suffix + ".new")
    beside.write_bytes(content)
    beside.replace(path)


def matrix(columns: Sequence[Sequence[float]]) -> Matrix:
    """Feature columns as the rows an estimator takes."""
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
