"""Scripted engines: they understand nothing, say what they were told to, and cost what they are said to cost."""
