"""Which trial runs when, with what, and what becomes of it when a machine is lost. Knows neither Ray nor the clock.

resources.py   what a trial needs, and what a node has
duration.py    how long a trial will probably take
order.py       which trial comes first
endings.py     what an attempt can come to, and which of that is nobody's fault
schedule.py    the trials of a sweep: waiting, under way, to be tried again
drive.py       the loop between a schedule and a cluster; the same for Ray and for a simulated one
"""
