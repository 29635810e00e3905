"""Writes made images as MosaicML Streaming and WebDataset have them: usage reading_sets.py <spec>."""

import io
import json
import os
import sys
import tarfile

import numpy as np
from streaming import MDSWriter

spec = json.loads(sys.argv[1])
size, images, each, folder = (spec[key] for key in ("size", "images", "imagesPerShard", "folder"))


def image(number):
    """As the TypeScript side makes them."""
    return (((np.arange(size * size * 3) + number) * 7919) % 251).astype(np.uint8).tobytes()


columns = {"image": "bytes", "label": "int"}
limit = each * (size * size * 3 + 32)
with MDSWriter(out=os.path.join(folder, "mds"), columns=columns, size_limit=limit) as out:
    for number in range(images):
        out.write({"image": image(number % 251), "label": number % 1000})

os.makedirs(os.path.join(folder, "wds"))
for shard, first in enumerate(range(0, images, each)):
    with tarfile.open(os.path.join(folder, "wds", f"{shard:05}.tar"), "w") as out:
        for number in range(first, min(images, first + each)):
            for suffix, data in (("img", image(number % 251)), ("cls", str(number % 1000).encode())):
                entry = tarfile.TarInfo(f"{number:07}.{suffix}")
                entry.size = len(data)
                out.addfile(entry, io.BytesIO(data))
