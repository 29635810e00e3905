"""ResNet-50 V2 in PyTorch with Keras's topology: channels_last, the stride in the last block of a stage."""

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, inner, filters, stride, projects):
        super().__init__()
        outer = 4 * filters
        self.preact = nn.BatchNorm2d(inner, eps=1.001e-5, momentum=0.01)
        self.shortcut = None
        if projects:
            self.shortcut = nn.Conv2d(inner, outer, 1, stride)
        elif stride > 1:
            self.pool = nn.MaxPool2d(1, stride)
        self.projects, self.stride = projects, stride
        self.conv1 = nn.Conv2d(inner, filters, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters, eps=1.001e-5, momentum=0.01)
        self.conv2 = nn.Conv2d(filters, filters, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters, eps=1.001e-5, momentum=0.01)
        self.conv3 = nn.Conv2d(filters, outer, 1)

    def forward(self, x):
        y = torch.relu(self.preact(x))
        if self.projects:
            short = self.shortcut(y)
        else:
            short = self.pool(x) if self.stride > 1 else x
        y = torch.relu(self.bn1(self.conv1(y)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return short + self.conv3(y)


class ResNet50V2(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 7, 2, 3)
        self.pool = nn.MaxPool2d(3, 2, 1)
        blocks, inner = [], 64
        for filters, count, stride in ((64, 3, 2), (128, 4, 2), (256, 6, 2), (512, 3, 1)):
            for index in range(count):
                last = index == count - 1
                blocks.append(Block(inner, filters, stride if last else 1, index == 0))
                inner = 4 * filters
        self.blocks = nn.Sequential(*blocks)
        self.post = nn.BatchNorm2d(inner, eps=1.001e-5, momentum=0.01)
        self.head = nn.Linear(inner, classes)

    def features(self, x):
        x = self.blocks(self.pool(self.stem(x)))
        return torch.relu(self.post(x)).mean((2, 3))

    def forward(self, x):
        return self.head(nn.functional.dropout(self.features(x), 0.5, self.training))
