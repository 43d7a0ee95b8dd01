"""Ray: the only rooms that import it, inside functions.

environment.py   settings that Ray reads from the environment, each with the trap that it avoids
connection.py    reaching a cluster, or starting one of our own, and noticing that its head is gone
executor.py      trials as Ray tasks
nodes.py         what every node of a cluster says of itself
"""
