"""How the service bears load. Prints what README.md says of it.

    python tests/serving/load.py              # all of it, about four minutes
    python tests/serving/load.py load gather  # parts of it: load, gather, flood, slow

load     64 clients on kept-alive connections: errors, times, throughput beside `predict`'s, with and without a log
gather   the same, where each picture is its own batch
flood    decompression bombs, large pictures and endless bodies from 64 clients: the most memory
slow     32 clients that send a byte a second, in the head or the body: when they are dropped, and who else waits

`predict` and the service take turns, since other programs may run; the CPU's time per picture, of each process, is the
ratio that these do not disturb. The clients' own time comes on top: they share the cores.
"""

import argparse
import itertools
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.serving.asking import ROOT, encoded, noise, request_bytes, running  # noqa: E402
from tinyalex import open_dataset, train  # noqa: E402

SERVICE = "tinyalex.serving.service"
PREDICT = """
import sys, time
from pathlib import Path
from tinyalex import load
classifier, files = load(sys.argv[1]), [file.read_bytes() for file in sorted(Path(sys.argv[2]).iterdir())]
classifier.predict(files)
for _ in sys.stdin:
    began, spent = time.perf_counter(), time.process_time()
    classifier.predict(files)
    print((time.perf_counter() - began) / len(files), (time.process_time() - spent) / len(files), flush=True)
"""


def clients(address, requests, count, seconds):
    """(times of answers, statuses, seconds, CPU seconds) of `count` clients in one thread, each with one connection.

    A connection that breaks is an answer of status 0, and another takes its place.
    """
    selector, times, statuses, sent = selectors.DefaultSelector(), [], [], itertools.cycle(requests)
    began, spent, under_way = time.monotonic(), time.process_time(), count

    def begin(connection=None):
        if connection is None:
            connection = socket.create_connection(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ)
        selector.modify(connection, selectors.EVENT_READ, [time.monotonic(), b""])
        with suppress(OSError):  # reading says it too
            connection.sendall(next(sent))

    def read(connection):
        try:
            return connection.recv(65536)
        except OSError:
            return b""

    for _ in range(count):
        begin()
    while under_way:
        for key, _ in selector.select(1):
            connection, state = key.fileobj, key.data
            piece = read(connection)
            state[1] += piece
            status = _whole(state[1])
            if status is None and piece:
                continue
            times.append(time.monotonic() - state[0])
            statuses.append(status or 0)
            if not piece or b"connection: close" in state[1]:
                selector.unregister(connection)
                connection.close()
                connection = None
            if time.monotonic() - began < seconds:
                begin(connection)
            else:
                under_way -= 1
                if connection is not None:
                    selector.unregister(connection)
                    connection.close()
    return np.array(times), np.array(statuses), time.monotonic() - began, time.process_time() - spent


def _whole(data):
    """The status of a response that has arrived whole; None before."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return None
    at = head.lower().index(b"content-length:") + 15
    return int(data[9:12]) if len(body) >= int(head[at:].split(b"\r\n")[0]) else None


def measured(service, requests, count, seconds):
    before = service.cpu_seconds()
    times, statuses, wall, own = clients(service.address, requests, count, seconds)
    return {
        "rate": len(times) / wall,
        "cpu": (service.cpu_seconds() - before) / len(times),
        "own": own / len(times),
        "p50": np.quantile(times, 0.5),
        "p99": np.quantile(times, 0.99),
        "errors": int((statuses != 200).sum()),
        "requests": len(times),
    }


def in_turns(run, folder, seconds, rounds, options, plant="", count=64):
    """The service and `predict`, in turns: printed with medians of their ratios."""
    requests = [request_bytes("/classify", file.read_bytes()) for file in sorted(folder.iterdir())]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    predict = subprocess.Popen([sys.executable, "-c", PREDICT, str(run), str(folder)], **pipes)
    with running(run, *options, plant=plant) as service, predict:
        clients(service.address, requests, count, 1)
        found = []
        for _ in range(rounds):
            print("", file=predict.stdin, flush=True)
            wall, cpu = map(float, predict.stdout.readline().split())
            one = measured(service, requests, count, seconds / rounds) | {"predict": 1 / wall, "predict_cpu": cpu}
            one["predict_rate_ratio"], one["predict_cpu_ratio"] = one["rate"] * wall, cpu / one["cpu"]
            found.append(one)
        predict.stdin.close()
        metrics = service.ask("/metrics")[1].decode().splitlines()
    batches = {
        line.split()[0]: float(line.split()[1]) for line in metrics if line.startswith("tinyalex_batch_pictures_")
    }
    mean = batches["tinyalex_batch_pictures_sum"] / batches["tinyalex_batch_pictures_count"]
    middle = {key: float(np.median([one[key] for one in found])) for key in found[0]}
    print(
        f"{sum(one['requests'] for one in found):,} requests, {sum(one['errors'] for one in found)} errors; "
        f"{middle['rate']:.0f}/s, p50 {1000 * middle['p50']:.0f} ms, p99 {1000 * middle['p99']:.0f} ms, "
        f"batches of {mean:.1f}; CPU a picture: {1000 * middle['cpu']:.2f} ms, the clients {1000 * middle['own']:.2f}; "
        f"predict: {middle['predict']:.0f}/s, {1000 * middle['predict_cpu']:.2f} ms"
    )
    for key, what in (("predict_rate_ratio", "throughput"), ("predict_cpu_ratio", "pictures per CPU second")):
        values = [one[key] for one in found]
        print(f"  {what} relative to predict: {np.median(values):.2f} ({min(values):.2f}–{max(values):.2f})")


def flood(run, seconds):
    """Requests that want memory, 64 at once."""
    flat = np.zeros((1, 1, 3), np.uint8)
    whole = encoded(np.broadcast_to(flat, (7000, 7000, 3)))
    bombs = [encoded(np.broadcast_to(flat, (20000, 20000, 3))), whole, encoded(noise(1200), "JPEG"), encoded(noise())]
    requests = [request_bytes("/classify", bomb) for bomb in bombs]
    with running(run) as service:
        clients(service.address, requests[-1:], 8, 1)
        before = service.peak_memory()
        threads = [threading.Thread(target=_endless, args=(service.address, seconds)) for _ in range(32)]
        for thread in threads:
            thread.start()
        _, statuses, _, _ = clients(service.address, requests, 64, seconds)
        for thread in threads:
            thread.join()
        counts = dict(zip(*(part.tolist() for part in np.unique(statuses, return_counts=True))))
        print(
            f"flood: {counts}; {before / 1e6:.0f} MB before, at most {service.peak_memory() / 1e6:.0f} MB; then",
            end=" ",
        )
        print(service.ask("/classify", encoded(noise()))[0])


def _endless(address, seconds):
    """Sends chunks of a body without end, again and again."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.create_connection(address) as connection:
            connection.sendall(b"POST /classify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                while time.monotonic() < until:
                    connection.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
            except OSError:
                pass  # dropped


def slow(run):
    """Clients that send a byte a second, and one that does not."""
    with running(run) as service:
        request = request_bytes("/classify", encoded(noise()))
        alone = clients(service.address, [request], 1, 3)[0]
        dropped = []
        body = b"POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n"
        starts = [b"GET / HTTP/1.1\r\nHost: localhost\r\n", body] * 16
        threads = [threading.Thread(target=_drip, args=(service.address, start, dropped)) for start in starts]
        for thread in threads:
            thread.start()
        beside = clients(service.address, [request], 1, 8)[0]
        for thread in threads:
            thread.join()
        print(
            f"slow: {len(dropped)} clients dropped after {min(dropped):.1f} to {max(dropped):.1f} s; another client's "
            f"median {1000 * np.median(alone):.0f} ms alone, {1000 * np.median(beside):.0f} ms beside them"
        )


def _drip(address, start, dropped):
    with socket.create_connection(address) as connection:
        began = time.monotonic()
        connection.sendall(start)
        connection.settimeout(1)
        while time.monotonic() - began < 60:
            try:
                connection.sendall(b"x")
                if not connection.recv(4096):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        dropped.append(time.monotonic() - began)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=["load", "gather", "flood", "slow"])
    parser.add_argument("--run", help="by default, alexnet-small with one epoch of very few pictures")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=6)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "pictures")
        folder.mkdir()
        for number, picture in enumerate(open_dataset("builtin", quiet=True).val.gather(range(512))):
            (folder / f"{number:03}.jpg").write_bytes(encoded(picture, "JPEG", quality=95))
        few = {"data": "builtin+4-a-class", "model": "alexnet-small", "epochs": 1, "quiet": True}
        run = args.run or train(out=Path(scratch, "run"), **few).run.path
        for part in args.parts:
            if part == "load":
                for options in ((), ("--log", Path(scratch, "requests.db"))):
                    print("with a log:" if options else "without a log:")
                    in_turns(run, folder, args.seconds, args.rounds, options)
            elif part == "gather":
                for most, seconds in ((1, 0), (64, 0), (64, 0.003), (64, 0.01)):
                    print(f"batches of at most {most}, gathered for {1000 * seconds:g} ms:")
                    plant = f"import {SERVICE}; {SERVICE}.MOST_AT_ONCE, {SERVICE}.GATHER_SECONDS = {most}, {seconds}"
                    in_turns(run, folder, args.seconds / 4, args.rounds, (), plant)
            elif part == "flood":
                flood(run, args.seconds / 3)
            elif part == "slow":
                slow(run)


if __name__ == "__main__":
    main()
