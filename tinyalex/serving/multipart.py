"""The parts of a multipart/form-data body (RFC 7578), in memory: nothing of a request is written to a disk."""

import re

from starlette.exceptions import HTTPException

MOST_PARTS = 64
MOST_BOUNDARY = 70  # characters (RFC 2046, §5.1.1)


def parts_of(content_type: str, body: bytes) -> list[bytes]:
    """The content of each part, in order. HTTPException 400 or 413 for a body that is none, and for too many parts."""
    found = re.search(r';\s*boundary=(?:"([^"]+)"|([^\s;",]+))', content_type, re.IGNORECASE)
    boundary = (found[1] or found[2]) if found else ""
    if not 1 <= len(boundary) <= MOST_BOUNDARY:
        raise HTTPException(400, f"multipart/form-data: expected a boundary of 1 to {MOST_BOUNDARY} characters")
    before, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1"), MOST_PARTS + 2)
    if not parts or len(parts) <= MOST_PARTS + 1 and not parts[-1].startswith(b"--"):
        raise HTTPException(400, "multipart/form-data: the body does not end in its boundary")
    if len(parts) > MOST_PARTS + 1:
        raise HTTPException(413, f"multipart/form-data: expected at most {MOST_PARTS} parts")
    if len(parts) == 1:
        raise HTTPException(400, "multipart/form-data: found no part, expected a picture in each")
    return [_content(part) for part in parts[:-1]]


def _content(part):
    """What follows the headers of a part, which begins behind its boundary."""
    head, end, content = part.lstrip(b" \t").partition(b"\r\n\r\n")
    if not end or not head.startswith(b"\r\n") and head:
        raise HTTPException(400, "multipart/form-data: found a part without an end of its headers")
    return content
