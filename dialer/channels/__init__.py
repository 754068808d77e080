"""Adapters between a port and one wire; they translate and never decide."""
