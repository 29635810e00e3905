"""ResNet50V2 in Keras on TensorFlow: usage keras_peer.py <spec>."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"

import keras
import numpy as np
import tensorflow as tf

from measure import classes, measure, spec

size, batch = spec["size"], spec["batch"]
policy = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[spec["precision"]]
keras.mixed_precision.set_global_policy(policy)
inputs = keras.layers.Input((size, size, 3))
backbone = keras.applications.ResNet50V2(
    weights=None, include_top=False, input_shape=(size, size, 3), pooling="avg"
)
if spec["task"] == "head":
    backbone.trainable = False
features = backbone(keras.layers.Rescaling(1 / 255)(inputs))
head = keras.layers.Dense(classes, dtype="float32")
model = keras.Model(inputs, head(keras.layers.Dropout(0.5)(features)))
images = tf.constant(np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8))
labels = tf.one_hot(np.arange(batch) % classes, classes)
jit = spec["variant"] == "jit"

if spec["task"] == "predict":
    predict = tf.function(lambda x: tf.nn.softmax(model(x, training=False)), jit_compile=jit)
    measure(lambda: predict(images).numpy())
else:
    model.compile(
        keras.optimizers.RMSprop(1e-5),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        jit_compile=jit,
    )
    measure(lambda: model.train_on_batch(images, labels))
