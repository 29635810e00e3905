"""Prediction by an inference runtime, ONNX Runtime or OpenVINO: usage runtime_peer.py <spec>."""

import os
import tempfile

import numpy as np
import torch

from measure import classes, measure, spec
from resnet50v2 import ResNet50V2

size, batch = spec["size"], spec["batch"]


class Predictor(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = ResNet50V2(classes)

    def forward(self, images):
        x = images.permute(0, 3, 1, 2).float() / 255
        return self.network(x).softmax(1)


model = Predictor().eval()
images = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)
path = os.path.join(tempfile.mkdtemp(), "model.onnx")
torch.onnx.export(model, (torch.from_numpy(images),), path, dynamo=False, input_names=["images"])
if spec["variant"] == "onnxruntime":
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    step = lambda: session.run(None, {"images": images})
else:
    import openvino

    hint = {"float32": "f32", "bfloat16": "bf16"}[spec["precision"]]
    options = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "THROUGHPUT"}
    if spec["variant"] == "openvino-latency":
        options["PERFORMANCE_HINT"] = "LATENCY"
    compiled = openvino.Core().compile_model(path, "CPU", options)
    request = compiled.create_infer_request()
    step = lambda: request.infer({0: images})[0]

measure(step)
