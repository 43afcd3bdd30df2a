"""Readers of incident files, and the loop that commits what they read."""
