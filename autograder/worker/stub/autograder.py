"""What `from autograder import check` finds beside a submission that is being graded: the same name, and nothing behind it."""


def check(*exercises: object, **settings: object) -> None:
    """Does nothing: in grading, the answers are compared in another process."""
