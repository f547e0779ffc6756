"""Honest figures: the same core that guards live calls, run over labelled recordings."""
