# SPDX-License-Identifier: Apache-2.0
#
# The demo's victim: a web server of a few lines that looks up hosts for its users. It hands what they type to a shell, which is
# the mistake: `?host=localhost;id` runs `id`.
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse


class Lookup(BaseHTTPRequestHandler):
    def do_GET(self):
        host = parse_qs(urlparse(self.path).query, separator="&").get("host", ["localhost"])[0]
        found = subprocess.run(f"getent hosts {host}", shell=True, capture_output=True, timeout=30)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(found.stdout)

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Lookup).serve_forever()
