"""Reads epochs of shards from S3 into batches, shuffled, nothing of them on local disk yet: usage reading_peer.py <spec>.

Environment: the AWS SDK's variables. Prints images a second of the second epoch, from its first request to its last batch.
"""

import json
import os
import shutil
import sys
import tempfile
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import boto3
from botocore.config import Config

spec = json.loads(sys.argv[1])
size, images, batch, bucket = (spec[key] for key in ("size", "images", "batch", "bucket"))
library, _, workers = spec["variant"].partition(" ")
workers = int(workers or 0)


def s3():
    return boto3.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))


def keys(prefix):
    pages = s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))


def tensors(samples):
    """A tensor for each batch: between processes it goes by shared memory."""
    import torch

    pixels = torch.frombuffer(bytearray(b"".join(sample["image"] for sample in samples)), dtype=torch.uint8)
    return pixels.view(-1, size, size, 3), torch.tensor([sample["label"] for sample in samples])


def mosaic(local):
    os.environ["S3_ENDPOINT_URL"] = os.environ["AWS_ENDPOINT_URL_S3"]
    from streaming import StreamingDataset
    from torch.utils.data import DataLoader

    data = StreamingDataset(remote=f"s3://{bucket}/mds", local=local, shuffle=True, batch_size=batch)
    return DataLoader(data, batch_size=batch, num_workers=workers, collate_fn=tensors)


def web(_):
    import webdataset

    client = s3()
    sign = lambda key: client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": key})
    urls = [f"pipe:curl -s -f '{sign(key)}'" for key in keys("wds/")]
    data = (
        webdataset.WebDataset(urls, shardshuffle=len(urls))
        .shuffle(1000)
        .map(lambda one: {"image": one["img"], "label": int(one["cls"])})
        .batched(batch, collation_fn=tensors)
    )
    return webdataset.WebLoader(data, batch_size=None, num_workers=workers)


def tf_data(local):
    import tensorflow as tf

    client = s3()
    features = {
        "image/encoded": tf.io.FixedLenFeature([], tf.string),
        "image/class/label": tf.io.FixedLenFeature([], tf.int64),
    }

    def download(key):
        path = os.path.join(local, os.path.basename(key.numpy().decode()))
        client.download_file(bucket, key.numpy().decode(), path)
        return path

    def records(key):
        path = tf.py_function(download, [key], tf.string)
        return tf.data.TFRecordDataset(tf.ensure_shape(path, []))

    def parsed(rows):
        found = tf.io.parse_example(rows, features)
        pixels = tf.io.decode_raw(found["image/encoded"], tf.uint8)
        return tf.reshape(pixels, [-1, size, size, 3]), found["image/class/label"]

    names = keys("tfrecord/")
    return (
        tf.data.Dataset.from_tensor_slices(names)
        .shuffle(len(names))
        .interleave(records, cycle_length=8, num_parallel_calls=tf.data.AUTOTUNE, deterministic=False)
        .shuffle(1000)
        .batch(batch)
        .map(parsed, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def read_epoch(open_batches):
    local = tempfile.mkdtemp(dir=spec["folder"])
    batches = open_batches(local)
    began, read = time.perf_counter(), 0
    for _, labels in batches:
        read += len(labels)
    seconds = time.perf_counter() - began
    if read != images:
        raise SystemExit(f"{spec['variant']}: expected {images} images, read {read}")
    shutil.rmtree(local)
    return images / seconds


if __name__ == "__main__":
    open_batches = {"mosaic": mosaic, "web": web, "tf.data": tf_data}[library]
    # Its processes share memory that a second dataset stumbles over; the first is no slower.
    if library != "mosaic":
        read_epoch(open_batches)
    print(json.dumps({"imagesPerSecond": read_epoch(open_batches)}), flush=True)
    # Nothing that is torn down belongs to the measurement.
    os._exit(0)
