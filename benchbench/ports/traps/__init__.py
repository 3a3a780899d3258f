"""Known mistakes of ports, recognised by settings that differ and by numbers that fit.

Sources: what the frameworks compute, measured; the settings' names are Keras's.
"""
