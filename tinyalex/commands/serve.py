"""`tinyalex serve`: answer over HTTP what pictures show, and log it."""

import os
from contextlib import ExitStack
from pathlib import Path

from tinyalex.commands.options import add_device, open_device
from tinyalex.errors import UserError
from tinyalex.terminal import say

DESCRIPTION = """\
Serve a trained network over HTTP, until Ctrl-C: a page at /, for programs POST /classify with a JPEG, PNG or WebP \
picture in its body. With --log, every answer is written into a database before it is given; `report` and `trace` read \
it. Only this machine can reach the service, unless --host names another address, which needs a token."""
EXAMPLES = (
    "tinyalex serve runs/first",
    "tinyalex serve runs/first --log requests.db --shadow runs/second",
    "tinyalex serve runs/first --host 0.0.0.0 --token long-and-secret",
)
TOKEN = "TINYALEX_TOKEN"


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument("--shadow", metavar="RUN2", help="a network to ask too; its answers are only logged")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (8080; 0: any free one)")
    parser.add_argument("--log", metavar="DB", help="database to log answers in, new or an earlier log")
    parser.add_argument(
        "--keep-pictures", action="store_true", help="store the pictures too, in a folder beside the log"
    )
    parser.add_argument("--token", help=f"what clients must know (default: the environment's {TOKEN}, if set)")
    add_device(parser)


def run(args):
    try:
        import granian
        import prometheus_client
        import starlette
    except ImportError as error:
        raise UserError(
            f"serving needs the package {error.name}; install it with: pip install 'tinyalex[serve]'"
        ) from None
    from tinyalex.monitoring.log import Log
    from tinyalex.serving.app import build_app
    from tinyalex.serving.journal import Journal
    from tinyalex.serving.models import Model, Models
    from tinyalex.serving.server import free_address, serve
    from tinyalex.serving.service import Service

    address, port = free_address(args.host, args.port)
    xp = open_device(args)
    current = Model.load(args.run, xp)
    shadow = Model.load(args.shadow, xp) if args.shadow else None
    models = Models(current, shadow, xp)
    service = Service(models, Journal(Log(args.log) if args.log else None, None))
    url = f"http://{f'[{address}]' if ':' in address else address}:{port}"
    serve(
        build_app(service), address, port, lambda: say(f"serving {current.path} at {url}; Ctrl-C stops"), lambda: None
    )
    service.close()
    raise KeyboardInterrupt("stopped")


def show(result):
    pass
