"""From what a picture shows to what it sounds like: class scores -> a vector in caption space.

For frame t (2 a second) with logits l[t] of the 1000 classes:

  p[t]    = softmax(l[t])
  q[t]    = mean of p over the frames t-2 ... t+2 that exist (1 s each way: no flicker)
  w[i]    = audible[i] * max(0, q[t][i] - 0.01)
  m       = sum of w                                       (how much there is to hear)
  u       = unit(sum of w[i] * vectors[i])
  twice:  u = unit(sum of w[i] * exp(4 * (u . vectors[i] - 1)) * vectors[i])
  s       = clamp((m - 0.02) / 0.08, 0, 1)
  result  = s * u                                          (zero where m is zero)

Why: the floor of 0.01 keeps out what the network is not sure of; without it a black frame barks,
because 118 of the 1000 classes are dogs. The two rounds of reweighting pull the mean into its
largest cluster: a mean of unlike sounds ("dog", "chair", "car") lies near no caption that the
generator was trained on.
The length s shrinks to zero when the picture holds nothing audible.
"""

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

RATE = 2  # frames a second
RADIUS = RATE  # frames on each side that are averaged
FLOOR = 0.01  # probability that counts as nothing
SHARPNESS = 4.0  # of the pull into the largest cluster
ROUNDS = 2
SILENT = 0.02  # audible mass at which the vector vanishes
FULL = 0.10  # audible mass from which on it has unit length


def averaged(rows, radius):
    """Each row's mean with its neighbours up to `radius` away; fewer at the ends."""
    count = len(rows)
    sums = torch.cat([torch.zeros(1, rows.shape[1]), rows.cumsum(0)])
    first = (torch.arange(count) - radius).clamp_min(0)
    end = (torch.arange(count) + radius + 1).clamp_max(count)
    return (sums[end] - sums[first]) / (end - first)[:, None]


class SemanticBridge:
    def __init__(self, path):
        tensors = load_file(path)
        self.vectors = tensors["vectors"].float()
        self.audible = tensors["audible"].float()

    def direction_and_mass(self, logits):
        """logits [frames, 1000] -> unit vectors [frames, 384] and audible masses [frames]."""
        probabilities = averaged(logits.double().softmax(1), RADIUS).float()
        weights = self.audible * (probabilities - FLOOR).clamp_min(0)
        unit = F.normalize(weights @ self.vectors, dim=1)
        for _ in range(ROUNDS):
            pull = (SHARPNESS * (unit @ self.vectors.T - 1)).exp()
            unit = F.normalize((weights * pull) @ self.vectors, dim=1)
        return unit, weights.sum(1)

    def __call__(self, logits):
        """logits [frames, 1000] -> vectors [frames, 384] of length 0 to 1."""
        unit, mass = self.direction_and_mass(logits)
        return unit * ((mass - SILENT) / (FULL - SILENT)).clamp(0, 1)[:, None]
