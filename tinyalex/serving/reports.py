"""The operator's report on the service's own log, one at a time."""

import asyncio
import threading
from typing import Any

from starlette.exceptions import HTTPException

from tinyalex.errors import UserError
from tinyalex.monitoring.log import Log
from tinyalex.monitoring.report import report
from tinyalex.serving.limits import busy


class Reporter:
    """Reports on a log, beside the thread that writes it."""

    def __init__(self, log: Log | None) -> None:
        self.log, self.one = log, threading.Lock()

    async def report(self) -> dict[str, Any]:
        """The report on the newest requests. HTTPException 404 without a log, 503 while another is being made."""
        if self.log is None:
            raise HTTPException(404, "this service keeps no log, so there is nothing to report on")
        if not self.one.acquire(blocking=False):
            raise busy("another report is being made")
        return await asyncio.to_thread(self._report, self.log.path)

    def _report(self, path):
        try:
            with Log.read_only(path) as log:
                return report(log)
        except UserError as error:
            raise HTTPException(500, str(error)) from None
        finally:
            self.one.release()
