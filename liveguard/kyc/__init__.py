"""Liveness sessions ("proofs"): who may take one, what it found, and a signed report that anybody can check.

A proof is opened by a caller for a subject, redeemed once with its link, answered in front of a camera, and decided. Nothing
here touches pictures, sounds or a network: `flow` and `routes` run the call, the other modules keep, decide and attest.
"""
