"""The damping sweep: how much the damping of a curvature estimator matters on this model."""
