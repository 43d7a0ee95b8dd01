"""Starting something of one's own: what ``ganbench new`` writes.

* ``package``: a name, a kind and a folder become a package.
* ``templates``: a folder for each kind: ``package/`` is what is written, ``next.txt.j2`` what to do with it. A further
  kind is a further folder.
"""
