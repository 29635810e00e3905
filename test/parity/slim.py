"""Writes a SavedModel in the layout of TF-Hub's imagenet/resnet_v{1,2}_50: slim.py <v1|v2> <folder>.

The network is TF-Slim's, written out here: its names, strides, paddings and epsilon, and the images
that TF-Hub's modules take in [0, 1] and rescale themselves. The folder gets tf2/ (keys of an object
graph, as since version 4 of the modules) and tf1/ (keys are names, as before). Prints the images as
bytes in hexadecimal, and the logits.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

version, folder = sys.argv[1:]
scope = f"resnet_{version}_50"
classes, size = 5, 64
random = np.random.default_rng(3)


class Network(tf.Module):
    def __init__(self):
        super().__init__()
        self.variables_by_name = {}

    def get(self, name, shape, low=None, high=None):
        name = f"{scope}/{name}"
        if name not in self.variables_by_name:
            if low is None:
                value = random.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))
            else:
                value = random.uniform(low, high, shape)
            self.variables_by_name[name] = tf.Variable(value.astype(np.float32), name=name)
        return self.variables_by_name[name]

    def batch_norm(self, name, x):
        channels = x.shape[-1]
        return tf.nn.batch_normalization(
            x,
            self.get(f"{name}/moving_mean", [channels], -0.2, 0.2),
            self.get(f"{name}/moving_variance", [channels], 0.5, 1.5),
            self.get(f"{name}/beta", [channels], -0.2, 0.2),
            self.get(f"{name}/gamma", [channels], 0.5, 1.5),
            1e-5,
        )

    def conv(self, name, x, filters, kernel, stride=1, biases=False):
        """slim.conv2d, or resnet_utils.conv2d_same where it strides."""
        padding = "SAME"
        if stride > 1 and kernel > 1:
            border = [(kernel - 1) // 2, kernel // 2]
            x = tf.pad(x, [[0, 0], border, border, [0, 0]])
            padding = "VALID"
        weights = self.get(f"{name}/weights", [kernel, kernel, x.shape[-1], filters])
        y = tf.nn.conv2d(x, weights, stride, padding)
        return y + self.get(f"{name}/biases", [filters], -0.2, 0.2) if biases else y

    def conv_norm(self, name, x, filters, kernel, stride=1):
        return self.batch_norm(f"{name}/BatchNorm", self.conv(name, x, filters, kernel, stride))

    def unit_v1(self, name, x, depth, bottleneck, stride):
        if x.shape[-1] == depth:
            shortcut = tf.nn.max_pool2d(x, 1, stride, "VALID") if stride > 1 else x
        else:
            shortcut = self.conv_norm(f"{name}/shortcut", x, depth, 1, stride)
        y = tf.nn.relu(self.conv_norm(f"{name}/conv1", x, bottleneck, 1))
        y = tf.nn.relu(self.conv_norm(f"{name}/conv2", y, bottleneck, 3, stride))
        return tf.nn.relu(shortcut + self.conv_norm(f"{name}/conv3", y, depth, 1))

    def unit_v2(self, name, x, depth, bottleneck, stride):
        preact = tf.nn.relu(self.batch_norm(f"{name}/preact", x))
        if x.shape[-1] == depth:
            shortcut = tf.nn.max_pool2d(x, 1, stride, "VALID") if stride > 1 else x
        else:
            shortcut = self.conv(f"{name}/shortcut", preact, depth, 1, stride, biases=True)
        y = tf.nn.relu(self.conv_norm(f"{name}/conv1", preact, bottleneck, 1))
        y = tf.nn.relu(self.conv_norm(f"{name}/conv2", y, bottleneck, 3, stride))
        return shortcut + self.conv(f"{name}/conv3", y, depth, 1, biases=True)

    def __call__(self, images):
        x = images * 2.0 - 1.0
        if version == "v1":
            x = tf.nn.relu(self.conv_norm("conv1", x, 64, 7, 2))
        else:
            x = self.conv("conv1", x, 64, 7, 2, biases=True)
        x = tf.nn.max_pool2d(x, 3, 2, "SAME")
        unit = self.unit_v1 if version == "v1" else self.unit_v2
        for block, (units, stride) in enumerate([(3, 2), (4, 2), (6, 2), (3, 1)], 1):
            bottleneck = 32 * 2**block
            for index in range(1, units + 1):
                name = f"block{block}/unit_{index}/bottleneck_{version}"
                last = index == units
                x = unit(name, x, 4 * bottleneck, bottleneck, stride if last else 1)
        if version == "v2":
            x = tf.nn.relu(self.batch_norm("postnorm", x))
        features = tf.reduce_mean(x, [1, 2], keepdims=True)
        return tf.squeeze(self.conv("logits", features, classes, 1, biases=True), [1, 2])


network = Network()
pixels = random.integers(0, 256, [4, size, size, 3], dtype=np.uint8)
images = tf.constant(pixels.astype(np.float32) / 255)
network(images)
# Such that no class is beyond what float32 can say of its probability.
for part in ["weights", "biases"]:
    variable = network.variables_by_name[f"{scope}/logits/{part}"]
    variable.assign(variable / tf.math.reduce_std(network(images)))
logits = network(images).numpy()

module = tf.Module()
module.variables_list = list(network.variables_by_name.values())
signature = tf.TensorSpec([None, size, size, 3], tf.float32)
module.__call__ = tf.function(network, input_signature=[signature])
tf.saved_model.save(module, f"{folder}/tf2")

values = {name: value.numpy() for name, value in network.variables_by_name.items()}
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    for name, value in values.items():
        variable = tf.compat.v1.get_variable(name, value.shape, use_resource=False)
        variable.load(value, session)
    builder = tf.compat.v1.saved_model.Builder(f"{folder}/tf1")
    builder.add_meta_graph_and_variables(session, ["serve"])
    builder.save()

print(json.dumps({"images": pixels.tobytes().hex(), "logits": logits.tolist()}))
