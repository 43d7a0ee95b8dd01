"""Ray: the only rooms that import it, inside functions.

environment.py   settings that Ray reads from the environment, each with the trap that it avoids
connection.py    reaching a cluster, or starting one of our own, and noticing that its head is gone
executor.py      trials as Ray tasks
probe.py         what a node says of itself; it runs there
nodes.py         asking every node of a cluster
fitness.py       whether what they say is as it should be
examination.py   `ganbench doctor --cluster`: these three together
"""
