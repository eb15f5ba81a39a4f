"""Work that goes on beside the service, and that its end does not wait for."""

import threading
from collections.abc import Callable


def in_background(name: str, work: Callable[[], None]) -> None:
    """Call work() in a thread of that name."""

    def run():
        try:
            work()
        except RuntimeError as error:
            if "shutdown" not in str(error):  # the program has ended, and its other threads with it
                raise

    threading.Thread(target=run, name=name, daemon=True).start()
