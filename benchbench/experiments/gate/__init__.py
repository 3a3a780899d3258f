"""The gate: two trees of one repository, interleaved, and whether this one is slower."""
