"""Generalized influence: what a change of the data does to a model of which only chosen parameters may move.

H is the damped Gauss-Newton curvature of the training loss, g a gradient, J the chosen parameters (a mask). Four
answers to one question:

    gif   d_J = argmin_d |H_{:J} d - g|^2     the whole gradient is cancelled as well as J can: what J does to the fixed
    ones counts too
    fif   d_J = H_JJ^-1 g_J                   the others are frozen and not looked at
    pif   d_J = (H^-1 g)_J                    everything moves, then only J is kept
    if    d   = H^-1 g                        everything moves

On a quadratic, gif leaves the smallest gradient and fif the lowest loss, by construction; neither is the better one in
general. Source: generalized influence functions, arXiv 2312.05586.
"""

from attribution.gradients.selected.select import SELECTIONS as SELECTIONS
from attribution.gradients.selected.select import row_means as row_means
from attribution.gradients.selected.select import select as select
from attribution.gradients.selected.select import select_for as select_for
from attribution.gradients.selected.solve import VARIANTS as VARIANTS
from attribution.gradients.selected.solve import query_direction as query_direction
from attribution.gradients.selected.solve import selected_step as selected_step
from attribution.gradients.selected.update import How as How
from attribution.gradients.selected.update import Samples as Samples
from attribution.gradients.selected.update import Step as Step
from attribution.gradients.selected.update import Update as Update
from attribution.gradients.selected.update import update as update
