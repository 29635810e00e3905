"""What every Python peer of the image rows measures in the same way: a peer gives `augment`, which makes one view."""

import glob
import json
import os
import sys
import time

spec = json.loads(sys.argv[1])
size = spec["size"]
jitter = {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.02}
degrees = 15
padding = 4
scale, ratio = (0.08, 1.0), (3 / 4, 4 / 3)


def made_images(count):
    """uint8 [count, size, size, 3]"""
    import numpy as np

    return np.fromfunction(lambda i: i * 7919 % 251, (count * size * size * 3,)).astype(np.uint8).reshape(count, size, size, 3)


def photographs():
    """The bytes of each JPEG file of a folder and those in it, in the order of their names."""
    names = sorted(glob.glob(os.path.join(spec["photos"], "**/*.jpg"), recursive=True))
    return [open(name, "rb").read() for name in names]


def measure(steps, images_a_step):
    """`steps` does one step each time it is advanced; prints images a second over all of them."""
    steps = iter(steps)
    until = time.perf_counter() + spec["warmupSeconds"]
    while time.perf_counter() < until:
        next(steps)
    taken, began = 0, time.perf_counter()
    while time.perf_counter() - began < spec["seconds"]:
        next(steps)
        taken += 1
    seconds = time.perf_counter() - began
    print(json.dumps({"imagesPerSecond": taken * images_a_step / seconds}), flush=True)
    # Nothing that is torn down belongs to the measurement.
    os._exit(0)
