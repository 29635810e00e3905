"""Writes weights as Keras does: weights.py <architecture> <folder>.

The folder gets old.h5 (the layout that keras.applications publishes) and new.weights.h5. Prints the
SHA-256 of every variable's float32 bytes, by `<layer>/<variable>`.
"""

import hashlib
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import h5py
import keras
import numpy as np
from keras.src.legacy.saving import legacy_h5_format

architecture, folder = sys.argv[1:]
make = {"resnet50v2": keras.applications.ResNet50V2, "resnet50": keras.applications.ResNet50}
keras.utils.set_random_seed(1)
model = make[architecture](weights=None, include_top=False, input_shape=(32, 32, 3), pooling="avg")
random = np.random.default_rng(2)
for variable in model.variables:
    variable.assign(random.normal(size=variable.shape).astype(np.float32))
model.save_weights(f"{folder}/new.weights.h5")
with h5py.File(f"{folder}/old.h5", "w") as file:
    legacy_h5_format.save_weights_to_hdf5_group(file, model)
print(
    json.dumps(
        {
            f"{layer.name}/{variable.name}": hashlib.sha256(
                np.asarray(variable).astype(np.float32).tobytes()
            ).hexdigest()
            for layer in model.layers
            for variable in layer.variables
        }
    )
)
