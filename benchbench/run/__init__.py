"""From a plan to records: the conductor, its workers, the store."""
