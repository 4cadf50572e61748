"""Ratings, pairing and population as pure rules. The actors that apply them are in ``agents``."""
