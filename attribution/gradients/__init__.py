"""Per-sample gradients without materialising them: dots, norms, cosines and projections (torch only, no I/O)."""

from attribution.gradients.compress import Compression as Compression
from attribution.gradients.compress import Factored as Factored
from attribution.gradients.compress import Masked as Masked
from attribution.gradients.compress import Projected as Projected
from attribution.gradients.engine import GradientEngine as GradientEngine
from attribution.gradients.explain import Explanation as Explanation
from attribution.gradients.queries import QueryGradients as QueryGradients
