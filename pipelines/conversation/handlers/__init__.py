"""What each signal does, a module for each state or two; `table.py` beside them says when."""
