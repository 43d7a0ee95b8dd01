"""What changed between two leaderboards: ``ganbench diff``.

* ``sides``: the two, as they are compared.
* ``plan_changes``, ``rate_changes``: what differs in the plans, and in how often normalizers fail; ``compared_trials``: in
  which trials.
* ``comparing``: everything together; ``words`` says it.
"""
