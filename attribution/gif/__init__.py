"""Generalized influence: what a change of the data does to a model of which only chosen parameters may move.

H is the damped Gauss-Newton curvature of the training loss, g a gradient, J the chosen parameters (a mask). Four answers to one question:

    gif   d_J = argmin_d |H_{:J} d - g|^2     the whole gradient is cancelled as well as J can: what J does to the fixed ones counts too
    fif   d_J = H_JJ^-1 g_J                   the others are frozen and not looked at
    pif   d_J = (H^-1 g)_J                    everything moves, then only J is kept
    if    d   = H^-1 g                        everything moves

On a quadratic, gif leaves the smallest gradient and fif the lowest loss, by construction; neither is the better one in general.
Source: generalized influence functions, arXiv 2312.05586.
"""

from attribution.gif.select import SELECTIONS as SELECTIONS
from attribution.gif.select import row_means as row_means
from attribution.gif.select import select as select
from attribution.gif.select import select_for as select_for
from attribution.gif.solve import VARIANTS as VARIANTS
from attribution.gif.solve import query_direction as query_direction
from attribution.gif.solve import selected_step as selected_step
from attribution.gif.update import Samples as Samples
from attribution.gif.update import Step as Step
from attribution.gif.update import Update as Update
from attribution.gif.update import update as update
