"""The papers' numbers beside ours: ``rows`` reads and checks them, ``matching`` sorts them, ``words`` says it."""
