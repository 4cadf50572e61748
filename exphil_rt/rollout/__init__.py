"""The rollout worker's plain loop: lanes, the engine that serves them, and the experience that a learner takes."""
