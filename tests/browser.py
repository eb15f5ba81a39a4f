"""A real browser for tests: Debian's Chromium through chromedriver, which speaks WebDriver, a protocol of the W3C.

Debian: apt-get install chromium chromium-driver
"""

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.request

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
MISSING = not (CHROMIUM and DRIVER)
CONTROL, SHIFT, ENTER = "\ue009", "\ue008", "\ue007"  # WebDriver's codes for keys
TAB, SPACE, ESCAPE, DOWN = "\ue004", " ", "\ue00c", "\ue015"


class Browser:
    """The few commands of WebDriver used here."""

    def __init__(self, port):
        self.root = f"http://127.0.0.1:{port}/session"
        options = {"binary": CHROMIUM, "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"]}
        options["args"] += ["--disable-gpu", "--window-size=1300,1100"]
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.root += "/" + self._call("", capabilities={"alwaysMatch": wanted})["sessionId"]

    def _call(self, path, method="POST", **content):
        body = json.dumps(content).encode() if method == "POST" else None
        request = urllib.request.Request(self.root + path, body, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=120) as reply:
            return json.loads(reply.read())["value"]

    def open(self, url):
        self._call("/url", url=url)

    def run(self, script, *arguments):
        """Run the body of a JavaScript function; returns its result."""
        return self._call("/execute/sync", script=script, args=list(arguments))

    def settled(self, script, expected, seconds=5):
        """Whether a script finds this, at the latest once a slow machine has laid out the page."""
        until = time.monotonic() + seconds
        while self.run(script) != expected:
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return True

    def keys(self, *keys):
        """Press keys in turn, then release them all."""
        actions = [{"type": "keyDown", "value": key} for key in keys]
        actions += [{"type": "keyUp", "value": key} for key in reversed(keys)]
        self._call("/actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def choose_file(self, selector, file):
        """Choose a file in the form's field that a CSS selector finds."""
        (element,) = self._call("/element", using="css selector", value=selector).values()
        self._call(f"/element/{element}/value", text=str(file))

    def look(self, width, scheme="light", height=900):
        """Take a window of this width, below 600 pixels that of a phone, and the system's colours: light or dark."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        for command, values in (("setDeviceMetricsOverride", screen), ("setEmulatedMedia", media)):
            self._call("/goog/cdp/execute", cmd=f"Emulation.{command}", params=values)

    def console(self):
        """What the pages have written to the console since the last call, a line each."""
        return [entry["message"] for entry in self._call("/se/log", type="browser")]

    def screenshot(self, file):
        file.write_bytes(base64.b64decode(self._call("/screenshot", "GET")))

    def close(self):
        self._call("", "DELETE")


@contextlib.contextmanager
def process(command, port, **options):
    """Run a server during the block, which begins once the server answers on its port."""
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        end = time.monotonic() + 90
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert started.poll() is None and time.monotonic() < end, f"{command[0]} does not start"
            time.sleep(0.2)
        yield
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def new_browser():
    """A `Browser` during the block."""
    port = free_port()
    with process([DRIVER, f"--port={port}"], port):
        browser = Browser(port)
        try:
            yield browser
        finally:
            browser.close()
