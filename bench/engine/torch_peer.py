"""ResNet-50 V2 in PyTorch: usage torch_peer.py <spec>."""

import numpy as np
import torch

from measure import classes, measure, spec
from resnet50v2 import ResNet50V2

size, batch = spec["size"], spec["batch"]
device = "cuda" if torch.cuda.is_available() else "cpu"
model = ResNet50V2(classes).to(device, memory_format=torch.channels_last)
raw = np.random.default_rng(0).integers(0, 256, (batch, 3, size, size), np.uint8)
images = torch.from_numpy(raw).to(device, memory_format=torch.channels_last)
labels = torch.arange(batch, device=device) % classes
autocast = torch.autocast(device, torch.bfloat16, enabled=spec["precision"] == "bfloat16")

if spec["task"] == "predict":
    model.eval()
    run = torch.compile(model) if spec["variant"] == "compile" else model

    @torch.inference_mode()
    def step():
        with autocast:
            run(images.float() / 255).softmax(1).float().cpu().numpy()

else:
    model.train()
    if spec["task"] == "head":
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        model.eval()
        for parameter in model.head.parameters():
            parameter.requires_grad_(True)
    run = torch.compile(model) if spec["variant"] == "compile" else model
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.RMSprop(learning, 1e-5, alpha=0.9)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with autocast:
            loss = torch.nn.functional.cross_entropy(run(images.float() / 255), labels)
        loss.backward()
        optimizer.step()
        loss.item()


measure(step)
