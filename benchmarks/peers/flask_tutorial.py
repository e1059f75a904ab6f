"""The commonest tutorial: Flask's own threaded server, a camera thread, and every viewer's generator encodes anew."""

import argparse
from collections.abc import Iterator
from importlib import import_module

from benchmarks.peers.parts import CONTENT_TYPE, Capture, encoded, part


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--camera", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    # By name, because it is no requirement of Fairwatch's.
    flask = import_module("flask")
    app = flask.Flask("tutorial")
    capture = Capture(options.camera, encodes=False)
    capture.start()

    def body() -> Iterator[bytes]:
        number = 0
        while True:
            number, picture = capture.after(number)
            yield part(encoded(picture))

    app.add_url_rule("/stream", "stream", lambda: flask.Response(body(), mimetype=CONTENT_TYPE))
    app.run("127.0.0.1", options.port, threaded=True)


if __name__ == "__main__":
    main()
