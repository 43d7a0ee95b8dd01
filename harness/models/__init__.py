"""Networks: layers, the functional network that normalizers act on, and the architectures."""
