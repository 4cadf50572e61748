"""Special moves: what B does, one file a fighter over tables.

``rows`` says what a special's state is; ``table`` lays the rows out for compiled code; ``begin`` starts a special;
``run`` holds the phases that every special shares; ``registry`` knows the fighters.
"""
