"""Benchmarks beside named peers; `make bench` runs them all."""
