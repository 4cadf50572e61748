"""Dolphin: a console's game as our frames. Importing this loads no melee."""
