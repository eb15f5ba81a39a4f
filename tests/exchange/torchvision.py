"""torchvision's networks in plain torch.nn, from its documentation: the same names of tensors, the same shapes."""

import torch
from torch import nn


def random_weights(module):
    """The module with other running means and variances than a new one has, as at test time."""
    torch.manual_seed(3)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            norm.weight.data.uniform_(0.5, 1.5)
            norm.bias.data.normal_()
    return module.eval()


class _FeaturesThenClassifier(nn.Module):
    def __init__(self, features, side, classifier):
        super().__init__()
        self.features, self.classifier = nn.Sequential(*features), nn.Sequential(*classifier)
        self.avgpool = nn.AdaptiveAvgPool2d(side)

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def alexnet(num_classes):
    features = [
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)),
    ]
    hidden = [nn.Dropout(), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()]
    return _FeaturesThenClassifier(features, 6, [*hidden, nn.Linear(4096, num_classes)])


VGG = {11: (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")}
VGG[16] = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")


def vgg(num_classes, depth=11, norm=False):
    features, channels = [], 3
    for kernels in VGG[depth]:
        if kernels == "M":
            features.append(nn.MaxPool2d(2, 2))
        else:
            features += [nn.Conv2d(channels, kernels, 3, padding=1), *[nn.BatchNorm2d(kernels)] * norm, nn.ReLU()]
            channels = kernels
    hidden = [nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout()]
    return _FeaturesThenClassifier(features, 7, [*hidden, nn.Linear(4096, num_classes)])


class _Block(nn.Module):
    def __init__(self, channels, kernels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, kernels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(kernels)
        self.conv2 = nn.Conv2d(kernels, kernels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(kernels)
        if stride != 1 or channels != kernels:
            projection = nn.Conv2d(channels, kernels, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(kernels))

    def forward(self, x):
        shortcut = self.downsample(x) if hasattr(self, "downsample") else x
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))) + shortcut)


class ResNet(nn.Module):
    def __init__(self, num_classes, blocks=(2, 2, 2, 2)):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1, self.maxpool = nn.BatchNorm2d(64), nn.MaxPool2d(3, 2, 1)
        channels = 64
        for number, count in enumerate(blocks, 1):
            kernels, stride = 32 * 2**number, 1 if number == 1 else 2
            first = _Block(channels, kernels, stride)
            stage = nn.Sequential(first, *(_Block(kernels, kernels, 1) for _ in range(count - 1)))
            setattr(self, f"layer{number}", stage)
            channels = kernels
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(512, num_classes)

    def forward(self, x):
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))


NETWORKS = {
    "torchvision-alexnet": alexnet,
    "torchvision-vgg11": vgg,
    "torchvision-vgg11-bn": lambda n: vgg(n, norm=True),
    "torchvision-vgg16": lambda n: vgg(n, 16),
    "torchvision-vgg16-bn": lambda n: vgg(n, 16, norm=True),
    "torchvision-resnet18": ResNet,
    "torchvision-resnet34": lambda n: ResNet(n, (3, 4, 6, 3)),
}
