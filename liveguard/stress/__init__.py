"""Clips made harder: the benign stress set that must raise nothing, and bench attacks that must be caught.

A bench attack is made by us from genuine footage, without any face-swap network; it is never "in the wild".
"""
