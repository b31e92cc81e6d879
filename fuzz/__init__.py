"""Fuzz targets: what is read from strangers, held against its promises. README.md says how to run them."""
