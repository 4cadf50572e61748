"""The trees: what is started, in which order, with which restart rule. The actors are in ``agents``."""
