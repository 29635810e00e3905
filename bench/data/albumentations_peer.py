"""Albumentations on OpenCV: usage albumentations_peer.py <spec>."""

from itertools import cycle

import albumentations as A
import cv2
import numpy as np

from measure import degrees, jitter, made_images, measure, padding, photographs, ratio, scale, size, spec

cv2.setNumThreads(1)
last = [A.Rotate(limit=degrees, p=1), A.ColorJitter(**jitter, p=1)]

if spec["photos"]:
    source = [np.frombuffer(encoded, np.uint8) for encoded in photographs()]
    augment = A.Compose([A.RandomResizedCrop((size, size), scale, ratio, p=1), *last])
    opened = lambda encoded: cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
else:
    source = made_images(2000)
    augment = A.Compose([A.Pad(padding, p=1), A.RandomCrop(size, size, p=1), A.HorizontalFlip(p=0.5), *last])
    opened = lambda image: image

measure((augment(image=opened(one))["image"] for one in cycle(source)), 1)
