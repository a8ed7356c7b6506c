"""One file for each quantity, or for a few of one kind: a record beside its formula. What stands here is
registered.
"""
