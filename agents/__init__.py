"""The actors of the program, one file a noun. What supervises them is in ``supervisors``; what they do their work
with is in ``exphil_rt``.
"""
