"""Do two implementations train the same thing? Rung by rung, and by where they end."""
