"""Dolphin: a console as a process (``console``), and the process that decides for its bots (``brain_main``).

The console's frame loop is ``game``, over ``runner`` (what is due when) and ``session`` (libmelee, driven only there);
what can hang libmelee is in ``launch``, ``channel`` and ``pipes``, what can go wrong in ``faults``. The two processes
speak over ``link``. Importing this loads no melee.
"""
