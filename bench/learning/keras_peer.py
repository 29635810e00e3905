"""Keras's part: usage keras_peer.py <folder>. ResNet50V2 from the initial weights that lie there, trained on the job's images."""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"

import keras
import numpy as np
import tensorflow as tf

folder = sys.argv[1]
with open(f"{folder}/job.json") as file:
    job = json.load(file)
size, batch = job["imageSize"], job["batchSize"]
parts = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")


def read(name):
    images = np.fromfile(f"{folder}/{name}.images", np.uint8).reshape(-1, size, size, 3)
    return images, np.fromfile(f"{folder}/{name}.labels", np.int32)


backbone = keras.applications.ResNet50V2(
    weights=None, include_top=False, input_shape=(size, size, 3), pooling="avg"
)
head = keras.layers.Dense(job["classes"], name="head")
initial = tf.train.load_checkpoint(f"{folder}/initial")
inputs = keras.layers.Input((size, size, 3))
model = keras.Model(inputs, head(backbone(keras.layers.Rescaling(1 / 255)(inputs))))
for layer in [*backbone.layers, head]:
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.momentum = job["batchNormMomentum"]
    for part in parts:
        variable = getattr(layer, part, None)
        if variable is not None:
            variable.assign(initial.get_tensor(f"{layer.name}/{part}"))
rmsprop = {key: value for key, value in job["optimizer"].items() if key != "name"}
model.compile(
    keras.optimizers.RMSprop(**rmsprop),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)

images, labels = read("train")
first_loss = None
for step, rate in enumerate(job["learningRates"]):
    model.optimizer.learning_rate.assign(rate)
    place = slice(step * batch, (step + 1) * batch)
    loss = model.train_on_batch(images[place], labels[place])
    if step == 0:
        first_loss = float(loss)
images, labels = read("validation")
predicted = model.predict(images, batch_size=batch, verbose=0).argmax(1)
accuracy = float((predicted == labels).mean())
print(json.dumps({"accuracy": accuracy, "firstLoss": first_loss}))
