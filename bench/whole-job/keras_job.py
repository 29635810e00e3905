"""The whole job as one in-memory Keras script: what Nightshift's pipeline is measured against.

Reads an archive in CIFAR's binary layout, takes 5,000 images, splits them 60/20/20, augments
(crop, flip, rotation, colour jitter), trains ResNet50V2 from scratch, validates each epoch, and
predicts the test set. Prints one line of JSON.
"""

import argparse
import json
import os
import resource
import tarfile
import time

started = time.time()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

arguments = argparse.ArgumentParser()
arguments.add_argument("archive")
arguments.add_argument("--images", type=int, default=5000)
arguments.add_argument("--epochs", type=int, default=3)
arguments.add_argument("--batch-size", type=int, default=128)
arguments.add_argument("--precision", choices=["float32", "mixed_bfloat16"], default="float32")
settings = arguments.parse_args()

keras.utils.set_random_seed(0)
keras.mixed_precision.set_global_policy(settings.precision)

with tarfile.open(settings.archive) as archive:
    files = [m for m in archive.getmembers() if m.name.endswith(".bin")]
    raw = b"".join(archive.extractfile(m).read() for m in sorted(files, key=lambda m: m.name))
records = np.frombuffer(raw, np.uint8).reshape(-1, 3073)[: settings.images]
labels = keras.utils.to_categorical(records[:, 0], 10)
images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
order = np.random.default_rng(0).permutation(len(images))
train, validation, test = np.split(order, [int(0.6 * len(order)), int(0.8 * len(order))])

augment = keras.Sequential(
    [
        layers.RandomTranslation(0.125, 0.125, fill_mode="constant"),
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(15 / 360, fill_mode="constant"),
        layers.RandomColorJitter(
            value_range=(0, 255),
            brightness_factor=0.2,
            contrast_factor=0.2,
            saturation_factor=(0.4, 0.6),
            hue_factor=0.02,
        ),
    ]
)


def dataset(indices, training):
    data = tf.data.Dataset.from_tensor_slices((images[indices], labels[indices]))
    if training:
        data = data.shuffle(len(indices), seed=0)
    data = data.batch(settings.batch_size)
    if training:
        data = data.map(
            lambda x, y: (augment(tf.cast(x, tf.float32), training=True), y),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    return data.prefetch(tf.data.AUTOTUNE)


inputs = layers.Input((32, 32, 3))
features = keras.applications.ResNet50V2(
    weights=None, include_top=False, input_shape=(32, 32, 3), pooling="avg"
)(layers.Rescaling(1 / 255)(inputs))
outputs = layers.Dense(10, dtype="float32")(layers.Dropout(0.5)(features))
model = keras.Model(inputs, outputs)
model.compile(
    keras.optimizers.RMSprop(0.001, rho=0.9),
    keras.losses.CategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
fit_started = time.time()
history = model.fit(
    dataset(train, True), validation_data=dataset(validation, False), epochs=settings.epochs, verbose=0
)
fit_seconds = time.time() - fit_started
predicted = model.predict(dataset(test, False), verbose=0).argmax(1)
print(
    json.dumps(
        {
            "seconds": round(time.time() - started, 2),
            "fit_seconds": round(fit_seconds, 2),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "validation_accuracy": round(history.history["val_accuracy"][-1], 4),
            "test_accuracy": round(float((predicted == labels[test].argmax(1)).mean()), 4),
        }
    )
)
