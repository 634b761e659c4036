"""Packs the network of model 2 as ONNX, which the serving base serves with no code of ours: `python pack.py FOLDER`.

It takes the 64 cells of a picture as numbers from 0 (paper) to 16 (ink), as `pictures.to_grid` makes them of a PNG.
"""

import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from threadpoolctl import threadpool_limits

import train
from aiapp_packing import Choices, Packed, pack
from pictures import FULL, SIDE

UNITS: Final = 64
"""Of the network that is model 2."""


def pipeline() -> Any:
    """Return a classifier of grids: ink as a share of the darkest, then the network that train.py makes."""
    pictures, digits = train.training_pictures()
    shares = MaxAbsScaler().fit(np.full((1, SIDE * SIDE), FULL))
    rows = pictures.reshape(len(pictures), -1)
    with threadpool_limits(1):
        return make_pipeline(shares, train.trained(UNITS, shares.transform(rows), digits))


def write(classifier: Any, folder: Path) -> Packed:
    """Write a classifier of grids as a version, proved on the pictures that it has not seen."""
    pictures, _ = train.held_out()
    choices = Choices("digits", labels=train.LABELS)
    return pack(classifier, pictures.reshape(len(pictures), -1), folder, choices=choices)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python pack.py FOLDER   (which is made)")
    packed = write(pipeline(), Path(sys.argv[1]))
    print(f"{packed.folder}: {packed.proof}, {packed.cases} golden cases")
