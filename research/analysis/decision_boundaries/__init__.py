"""Decision boundaries of a small network: the plain PyTorch loop."""
