"""One run: settings, CI variables, signals, and how the adapters are wired."""
