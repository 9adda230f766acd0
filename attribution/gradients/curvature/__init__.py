"""Curvature of the mean training loss: products with it and inverses of it.

One definition for everything here. With n samples, outputs f_i, J_i = d f_i / d theta and H_i the second derivative of
the loss at the outputs, which the task says (``Task.root``), the Gauss-Newton matrix is

    G = (1/n) sum_i J_i^T H_i J_i

For softmax cross-entropy H_i = diag(p_i) - p_i p_i^T and G = (1/n) sum_i E_{k ~ p_i} g_ik g_ik^T, g_ik the gradient of
the loss of x_i with label k: the Fisher matrix. G is positive semi-definite, and the Hessian itself for a model that is
linear in its weights. Where a task has no H, G is the empirical Fisher and results say so. The L2 term of the recipe is
part of what was minimised, so the curvature is C = G + l2 I, and what is inverted is C + damping I with
damping = damping_ratio * trace(C) / P. Every solver takes the same ``GaussNewton`` and so the same damping.
"""

from attribution.gradients.curvature.datainf import datainf as datainf
from attribution.gradients.curvature.dense import dense_inverse as dense_inverse
from attribution.gradients.curvature.gauss_newton import GaussNewton as GaussNewton
from attribution.gradients.curvature.kronecker import kronecker_factors as kronecker_factors
from attribution.gradients.curvature.layout import Layout as Layout
from attribution.gradients.curvature.low_rank import lanczos as lanczos
from attribution.gradients.curvature.low_rank import nystroem as nystroem
from attribution.gradients.curvature.solvers import conjugate_gradients as conjugate_gradients
from attribution.gradients.curvature.solvers import neumann_series as neumann_series
from attribution.gradients.curvature.solvers import shifted_conjugate_gradients as shifted_conjugate_gradients
