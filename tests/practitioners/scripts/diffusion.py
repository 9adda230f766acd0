"""A diffusion model

not yet a project; in Python [its gradients](docs/tasks.md#without-labels)
"""

import torch
from net import build

from attribution import Project

pictures = torch.utils.data.TensorDataset(torch.load("pictures.pt", weights_only=True))
project = Project.create("drawings", data=pictures, model=build())
