"""torchvision's transforms, version 2, on PIL images or on tensors: usage torchvision_peer.py <spec>."""

import io
from itertools import cycle

import numpy as np
import torch
from PIL import Image
from torchvision.io import decode_jpeg
from torchvision.transforms import v2

from measure import degrees, jitter, made_images, measure, padding, photographs, ratio, scale, size, spec

torch.set_num_threads(1)
pil = spec["variant"] == "PIL"
turn = v2.RandomRotation(degrees, v2.InterpolationMode.BILINEAR)

if spec["photos"]:
    source = photographs()
    ways = [v2.RandomResizedCrop(size, scale, ratio), turn, v2.ColorJitter(**jitter)]
    if pil:
        opened = lambda encoded: Image.open(io.BytesIO(encoded)).convert("RGB")
    else:
        source = [torch.frombuffer(bytearray(encoded), dtype=torch.uint8) for encoded in source]
        opened = decode_jpeg
else:
    source = made_images(2000)
    ways = [v2.RandomCrop(size, padding=padding), v2.RandomHorizontalFlip(), turn, v2.ColorJitter(**jitter)]
    if pil:
        opened = Image.fromarray
    else:
        source = torch.from_numpy(source).permute(0, 3, 1, 2).contiguous()
        opened = lambda image: image

augment = v2.Compose(ways)
measure((np.asarray(augment(opened(one))) for one in cycle(source)), 1)
