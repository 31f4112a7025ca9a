"""A hub with one repository, owner/tiny, that holds one file: tiny.gguf.

usage: pull_hub.py FILE [STOP ...]

Prints its port, then the first byte of each body that it is asked for. The n-th body goes up to byte STOP n of the file
and then nothing comes any more, until the client is gone; bodies beyond the last STOP come whole.
"""

import hashlib
import http.server
import json
import sys

with open(sys.argv[1], "rb") as file:
    content = file.read()
stops = [int(stop) for stop in sys.argv[2:]]
commit = "c" * 40


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(200, {"content-length": len(content), "etag": f'"{hashlib.sha256(content).hexdigest()}"'})

    def do_GET(self):
        if self.path == "/api/models/owner/tiny/revision/main":
            manifest = json.dumps({"sha": commit, "siblings": [{"rfilename": "tiny.gguf"}]}).encode()
            self.answer(200, {"content-length": len(manifest)})
            self.wfile.write(manifest)
            return
        asked = self.headers.get("range")
        first, _, last = (asked or "bytes=0-").removeprefix("bytes=").partition("-")
        start, end = int(first), int(last or len(content) - 1) + 1
        print(start, flush=True)
        headers = {"content-length": end - start}
        if asked:
            headers["content-range"] = f"bytes {start}-{end - 1}/{len(content)}"
        self.answer(206 if asked else 200, headers)
        stop = stops.pop(0) if stops else end
        try:
            self.wfile.write(content[start:stop])
            if stop < end:
                self.rfile.read(1)
        except ConnectionError:
            pass
        self.close_connection = stop < end

    def answer(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
