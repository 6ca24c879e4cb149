"""Develop: raw frames to a finished picture.

Load, find the bodies, register each body by itself, compose, balance on the lunar disc, stretch, orient, write. Nothing
heavy is imported until it is used.
"""
