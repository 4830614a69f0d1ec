"""Checks for the course's exercises: `from autograder import check`, then `check("softmax")` after writing softmax."""

from autograder.check import check

__all__ = ["check"]
