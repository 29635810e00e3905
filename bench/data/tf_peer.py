"""tf.data with Keras's layers, in batches: usage tf_peer.py <spec>."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import tensorflow as tf
from keras import layers

from measure import degrees, jitter, made_images, measure, padding, photographs, ratio, scale, size, spec

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
batch = 64
turn = layers.RandomRotation(degrees / 360, fill_mode="constant")
# Its saturation is 0.5 where the others' is 1.
colour = layers.RandomColorJitter(
    value_range=(0, 255),
    brightness_factor=jitter["brightness"],
    contrast_factor=jitter["contrast"],
    saturation_factor=(0.4, 0.6),
    hue_factor=jitter["hue"],
)


def resized_crop(encoded):
    """Decodes no more than the part that is cut out, as tf.image's own example does."""
    start, extent, _ = tf.image.sample_distorted_bounding_box(
        tf.image.extract_jpeg_shape(encoded),
        tf.zeros([0, 0, 4]),
        aspect_ratio_range=ratio,
        area_range=scale,
        max_attempts=10,
        use_image_if_no_bounding_boxes=True,
    )
    window = tf.concat([start[:2], extent[:2]], 0)
    part = tf.image.decode_and_crop_jpeg(encoded, window, channels=3)
    return tf.image.resize(part, [size, size])


if spec["photos"]:
    data = tf.data.Dataset.from_tensor_slices(photographs()).repeat().map(resized_crop)
    ways = [turn, colour]
else:
    data = tf.data.Dataset.from_tensor_slices(made_images(2000)).repeat()
    ways = [layers.ZeroPadding2D(padding), layers.RandomCrop(size, size), layers.RandomFlip("horizontal"), turn, colour]

augment = keras.Sequential(ways)
data = data.batch(batch).map(lambda images: augment(tf.cast(images, tf.float32), training=True))
options = tf.data.Options()
options.threading.private_threadpool_size = 1
options.threading.max_intra_op_parallelism = 1
measure(data.with_options(options), batch)
