"""Challenges: something is asked of the person at a random moment, and what follows is checked.

A script is drawn from a nonce (`script`) as a policy wants it (`policy`). Each step is shown to the person, and enters the
session's timeline as a cue when it was really seen. When its time is over, the check of that kind judges the pictures and
the sound since then, as any other check would: a pure function of a window.
"""
