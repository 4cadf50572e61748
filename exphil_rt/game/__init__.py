"""Frames, controllers, and the ids of characters, stages and action states: the words every other folder shares."""
