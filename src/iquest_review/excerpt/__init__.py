"""Which lines of the diff are shown: exclusions, ranking, budget."""
