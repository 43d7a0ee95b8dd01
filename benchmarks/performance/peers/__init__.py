"""The same trainings as one writes them in plain PyTorch: modules, parametrizations, ``torch.optim.Adam``, a DataLoader.

The networks are written here from the papers' tables, not from ours; :func:`performance.peers.apart.apart` says how far
they are from ours.
"""
