"""What Keras makes of the same weights and images: forward, losses, gradients, and the state after some steps.

Usage: reference.py <folder>. The folder holds spec.json, images.bin (uint8), labels.bin (int32) and
a TensorFlow bundle `initial`. Computes in float64; writes reference.bin, float32 values one after
the other, and index.json: name -> [offset, length].
"""

import json
import os
import re
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

keras.config.set_floatx("float64")
folder = sys.argv[1]
with open(f"{folder}/spec.json") as file:
    spec = json.load(file)
size, batch = spec["imageSize"], spec["batchSize"]
images = np.fromfile(f"{folder}/images.bin", np.uint8).reshape(-1, batch, size, size, 3)
labels = np.fromfile(f"{folder}/labels.bin", np.int32).reshape(-1, batch)
initial = tf.train.load_checkpoint(f"{folder}/initial")
applications = {
    "resnet50v2": keras.applications.ResNet50V2,
    "resnet50": keras.applications.ResNet50,
}
parts = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")


def small_stem(layer):
    """A layer of the network with a 3x3 convolution for its stem, and neither stride nor pool there."""
    if layer.name == "conv1_conv":
        return keras.layers.Conv2D(layer.filters, 3, padding="same", name=layer.name)
    if layer.name in ("conv1_pad", "pool1_pad", "pool1_pool"):
        return keras.layers.Identity(name=layer.name)
    return type(layer).from_config(layer.get_config())


def trains(layer):
    """Under the mode spec["trainable"]."""
    mode = spec["trainable"]
    if mode == "all" or layer.name == "head":
        return True
    if mode.startswith("from"):
        stage = re.match(r"conv(\d)", layer.name)
        return stage is None or int(stage[1]) >= int(mode[-1])
    return mode == "head+batchnorm" and isinstance(layer, keras.layers.BatchNormalization)


def build():
    """The model with the initial weights, and its variables by name."""
    backbone = applications[spec["architecture"]](
        weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3)
    )
    if spec["stem"] == "small":
        backbone = keras.models.clone_model(backbone, clone_function=small_stem)
    head = keras.layers.Dense(spec["classes"], name="head")
    model = keras.Model(backbone.input, head(backbone.output))
    variables = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = spec["batchNormMomentum"]
        layer.trainable = trains(layer)
        for part in parts:
            variable = getattr(layer, part, None)
            if variable is not None:
                name = f"{layer.name}/{part}"
                variable.assign(initial.get_tensor(name))
                variables[name] = variable
    return model, variables


def train():
    """All results by name."""
    model, variables = build()
    names = {id(variable): name for name, variable in variables.items()}
    optimizer = keras.optimizers.RMSprop(
        spec["learningRate"], rho=spec["rho"], epsilon=spec["epsilon"]
    )
    loss_of = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=spec["labelSmoothing"]
    )
    inputs = tf.cast(images, "float64") / 255.0
    targets = tf.one_hot(labels, spec["classes"], dtype="float64")
    results = {"probabilities": tf.nn.softmax(model(inputs[0], training=False))}
    losses = []
    for step in range(spec["steps"]):
        with tf.GradientTape() as tape:
            loss = loss_of(targets[step], model(inputs[step], training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        if step == 0:
            for variable, gradient in zip(model.trainable_variables, gradients):
                results[f"gradient/{names[id(variable)]}"] = gradient
        optimizer.apply(gradients, model.trainable_variables)
        losses.append(float(loss))
    results["losses"] = np.array(losses)
    for name, variable in variables.items():
        results[f"value/{name}"] = variable
    for variable, velocity in zip(model.trainable_variables, optimizer._velocities):
        results[f"velocity/{names[id(variable)]}"] = velocity
    return results


index, offset = {}, 0
with open(f"{folder}/reference.bin", "wb") as file:
    for name, value in train().items():
        flat = np.ravel(np.asarray(value)).astype(np.float32)
        flat.tofile(file)
        index[name] = [offset, flat.size]
        offset += flat.size
with open(f"{folder}/index.json", "w") as file:
    json.dump(index, file)
