"""The app on Granian, from the first connection to the last answer."""

import asyncio
import errno
import socket
from collections.abc import Callable

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from starlette.types import ASGIApp

from tinyalex import signals
from tinyalex.errors import UserError
from tinyalex.files import reason
from tinyalex.serving.limits import HEADER_SECONDS

CONNECTIONS = 1024  # at once; others wait for one to end


def free_address(host: str, port: int) -> tuple[str, int]:
    """The (address, port) to listen on. UserError for an unknown host, and a port in use or out of bounds or reach.

    port: 0 for any free one
    """
    if not 0 <= port <= 65535:
        raise UserError(f"found {port}, expected 0 (any free one) to 65535", "port")
    try:
        family, _, _, _, (address, *_) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise UserError(f"found {host}, expected a name or address of this machine ({reason(error)})", "host") from None
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address, port))
        except OSError as error:
            raise _no_place(error, host, port) from None
        return str(address), trial.getsockname()[1]


def _no_place(error, host, port):
    if error.errno == errno.EADDRINUSE:
        return UserError(f"{port} is in use by another program, expected a free one (0: any)", "port")
    if error.errno in (errno.EACCES, errno.EPERM):
        return UserError(f"{port} needs the rights of an administrator, expected 1024 or more", "port")
    return UserError(f"found {host}, expected an address of this machine ({reason(error)})", "host")


def serve(app: ASGIApp, address: str, port: int, listening: Callable[[], None], stopping: Callable[[], None]) -> None:
    """Serve until a signal asks to stop, then answer what is under way and return.

    listening: called once connections are accepted;  stopping: called when the signal comes
    A second signal raises KeyboardInterrupt at once.
    """
    server = Server(
        app,
        address,
        port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=1000 * HEADER_SECONDS),
        log_enabled=False,
    )
    asyncio.run(_run(server, address, port, listening, stopping))


async def _run(server, address, port, listening, stopping):
    loop, came = asyncio.get_running_loop(), []

    def stop(number, frame):
        if not signals.asks(number):
            return
        if came:
            loop.set_exception_handler(lambda *_: None)  # Granian complains of its cancelled tasks
            raise KeyboardInterrupt
        came.append(number)
        stopping()
        loop.call_soon_threadsafe(server.stop)

    with signals.handled(stop):
        serving = asyncio.create_task(server.serve())
        while not serving.done() and not await _accepts(address, port):
            await asyncio.sleep(0.01)
        if not serving.done():
            listening()
        await serving


async def _accepts(address, port):
    try:
        _, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    writer.close()
    return True
