"""How findings become threads: match them with existing threads, plan actions, apply them."""
