"""Explain a wrong answer that nobody foresaw: a right one with one step put wrongly, or two."""
