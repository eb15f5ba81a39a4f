"""`tinyalex serve`: answer over HTTP what pictures show, and log it."""

import gc
import json
import os
import secrets
import sys
from importlib.util import find_spec
from pathlib import Path

from tinyalex.commands.options import add_device, open_device
from tinyalex.errors import UserError
from tinyalex.files import check_folder
from tinyalex.streams import onto_stdout
from tinyalex.terminal import say

DESCRIPTION = """\
Serve a trained network over HTTP, until Ctrl-C: a page at /, and for programs POST /classify, with a JPEG, PNG or \
WebP picture as its body. With --log, every answer is written into a database before it is given. Only programs on \
this machine can reach the service, unless --host names another address, which takes a token."""
EXAMPLES = (
    "tinyalex serve runs/first",
    "tinyalex serve runs/first --log requests.db --shadow runs/second",
    "tinyalex serve runs/first --host 0.0.0.0 --token c2VjcmV0LWFuZC1sb25n",
)
TOKEN, LEAST_TOKEN = "TINYALEX_TOKEN", 16


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument("--shadow", metavar="RUN2", help="a network to ask too; its answers are only logged")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (8080; 0: any free one)")
    parser.add_argument("--log", metavar="DB", help="database to log every answer in, new or an earlier log")
    kept = "store the pictures that came, in the folder DB-pictures"
    parser.add_argument("--keep-pictures", action="store_true", help=kept)
    token = f"what clients must know (default: the variable {TOKEN}, which other users cannot see)"
    parser.add_argument("--token", help=token)
    add_device(parser)


def run(args):
    _expect_packages()
    from tinyalex.serving.app import build_app
    from tinyalex.serving.models import Model, Models
    from tinyalex.serving.server import free_address, serve
    from tinyalex.serving.service import Service

    address, port = free_address(args.host, args.port)
    token = _token(args, address)
    xp = open_device(args)
    current = Model.load(args.run, xp)
    models = Models(current, Model.load(args.shadow, xp) if args.shadow else None, xp)
    service = Service(models, _journal(args))
    about = {"url": f"http://{f'[{address}]' if ':' in address else address}:{port}"} | current.about()

    def listening():
        if args.json:
            with onto_stdout():
                sys.stdout.write(json.dumps(about) + "\n")
        else:
            say(f"serving {args.run} at {about['url']} {'with' if args.log else 'without'} a log; Ctrl-C stops")

    app = build_app(service, token)
    gc.freeze()  # what is here now stays, so collections need not look through it, answer after answer
    serve(app, address, port, listening, service.stop)
    service.close()
    raise KeyboardInterrupt(f"stopped after {service.answered:,} answers")


def show(result):
    """Nothing: the service ends by a signal."""


def _expect_packages():
    for name in ("starlette", "granian", "prometheus_client"):
        if find_spec(name) is None:
            install = "pip install starlette granian prometheus-client"
            raise UserError(f"serving takes the package {name}; install it with: {install}")


def _token(args, address):
    from tinyalex.serving.guard import is_local

    token = args.token or os.environ.get(TOKEN, "")
    if not token and not is_local(address):
        example = f"such as --token {secrets.token_urlsafe(LEAST_TOKEN)}"
        raise UserError(f"{args.host} can be reached from other machines, expected a token too, {example}", "host")
    if token and not (len(token) >= LEAST_TOKEN and token.isascii() and token.isprintable() and " " not in token):
        raise UserError(f"expected {LEAST_TOKEN} or more letters, digits and signs, without spaces", "token")
    return token


def _journal(args):
    """The service's `Journal`, in a log that can be written."""
    from tinyalex.monitoring.log import Log, pictures_folder
    from tinyalex.serving.journal import Journal

    if not args.log:
        if args.keep_pictures:
            raise UserError("stores pictures beside a log, expected --log DB too", "keep_pictures")
        return Journal(None)
    folder = pictures_folder(Path(args.log))
    if args.keep_pictures:
        check_folder(folder, "keep_pictures")
    log = Log(args.log)
    if args.keep_pictures:
        folder.mkdir(exist_ok=True)
    return Journal(log, args.keep_pictures)
