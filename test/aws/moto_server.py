"""moto on a free port of the loopback, which it says on its output. Ends with its input, however the other side ended.

It carries out one request at a time: moto's S3 looks at a condition and writes in two steps.
"""

import io
import logging
import os
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
dispatcher = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()


def app(environ, start_response):
    # Read before the lock is taken: nobody waits for a body that never comes.
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > 0:
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
    try:
        with one_at_a_time:
            return list(dispatcher(environ, start_response))
    except Exception:
        # What moto does not implement, or fails at: told to who asked, without its stack.
        start_response("500 Internal Server Error", [("content-type", "text/xml")])
        return [b"<ErrorResponse><Error><Code>MotoFailed</Code><Message>500</Message></Error></ErrorResponse>"]


def end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


server = make_server("127.0.0.1", 0, app, threaded=True)
threading.Thread(target=end_with_input, daemon=True).start()
print(server.server_port, flush=True)
server.serve_forever()
