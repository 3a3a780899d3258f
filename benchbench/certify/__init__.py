"""Do two implementations train the same thing? So far by their outcome: the accuracy bands."""
