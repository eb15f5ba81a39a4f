"""Answers as JSON, whatever is in a name."""

import json
from typing import Any

from starlette.responses import JSONResponse


class Json(JSONResponse):
    """A response of JSON values. Halves of letters, as in odd names of files, are escaped."""

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")  # spells them as JSON does
