"""Liveness sessions ("proofs"): who may take one, what it found, and a signed report that anybody can check.

A proof is opened by a caller for a subject, redeemed once with its link, answered in front of a camera, and decided.
`service`, `flow`, `page` and `routes` run the call, and `webhook` tells what came of it; the other modules keep, decide and
attest, and touch neither pictures nor sounds nor a network.
"""
