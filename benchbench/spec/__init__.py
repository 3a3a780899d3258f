"""What is trained: layers, model, protocol, catalog. Data and arithmetic, no framework."""
