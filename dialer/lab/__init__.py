"""A telephone laboratory: a real Asterisk and a synthetic phone network on this machine."""
