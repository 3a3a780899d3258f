"""What runs say of each other: paired ratios, intervals, verdicts. Pure."""
