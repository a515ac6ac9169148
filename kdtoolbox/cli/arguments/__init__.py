"""The arguments of the commands that need torch, without importing it: help and mistakes are answered at once.

A command that needs no torch has its arguments in its own module.
"""
