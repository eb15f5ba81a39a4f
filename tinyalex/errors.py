"""The one exception that means "the person at the keyboard can mend this"."""


class UserError(Exception):
    """A mistake in what was asked for, said in one line: what is wrong, what was found, what was expected.

    The commands print the message and leave with exit code 2; any other exception is a fault of ours.
    """

    everywhere = False  # of several workers, whether each of them raises it, so that one alone need say it
