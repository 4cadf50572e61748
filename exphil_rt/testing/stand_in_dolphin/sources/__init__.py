"""Where a stand-in's games come from: a recording, the embedded game, or two fighters that only walk."""
