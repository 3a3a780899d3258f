"""The pytest plugin: the fixture `epoch_benchmark`, and rules for comparing what it timed."""
