// SPDX-License-Identifier: Apache-2.0
//
// Of everyday programs at work, at least 98 of 100 calls that may be recorded inline are, their first ones
// included, and nothing is lost. Counts only: what it costs is measured by `npm run bench -- overhead`.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EVENTS } from "../../build/generated/events.js";
import { hasCommand, run, scratch, selected } from "./programs.js";
import { type Summary, summary } from "./traces.js";

const SHARE_MIN = 0.98;
const WAIT_FOR = (check: string): string => `for i in $(seq 100); do ${check} && break; sleep 0.1; done`;

interface AtWork {
  readonly name: string;
  readonly needs: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  /** Not watched. */
  readonly prepare?: string;
  readonly script: string;
  /** Hot calls that it makes, at least. */
  readonly calls: number;
}

const PROGRAMS: AtWork[] = [
  {
    name: "redis",
    needs: ["redis-server", "redis-benchmark"],
    calls: 60_000,
    script: `
      redis-server --port 0 --unixsocket r.sock --save '' --dir . --daemonize no > log 2>&1 & server=$!
      ${WAIT_FOR("test -S r.sock")}; redis-benchmark -s r.sock -q -n 15000 -c 4 -t set,get > bench; kill $server; wait $server`,
  },
  {
    name: "nginx",
    needs: ["nginx", "curl"],
    calls: 10_000,
    files: {
      "nginx.conf": `
user root; daemon off; worker_processes 1; pid nginx.pid; error_log error.log; events { worker_connections 64; }
http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  keepalive_requests 100000; server { listen unix:n.sock; root .; location / { return 200 "hello"; } location /nginx { root .; } } }`,
    },
    script: `
      nginx -e error.log -p $PWD -c $PWD/nginx.conf & server=$!; ${WAIT_FOR("test -S n.sock")}
      curl -s --unix-socket n.sock 'http://localhost/[1-2000]' > /dev/null
      curl -s --unix-socket n.sock 'http://localhost/nginx.conf?[1-500]' > /dev/null; kill $server; wait $server`,
  },
  {
    name: "fio",
    needs: ["fio"],
    calls: 16_000,
    script: "fio --name=x --ioengine=psync --rw=randrw --bs=4k --size=16m --loops=4 --directory=. > log",
  },
  {
    name: "sqlite",
    needs: ["sqlite3"],
    calls: 8_000,
    prepare: `echo 'create table t(a,b);' > inserts; for i in $(seq 400); do echo "insert into t values($i,'x');"; done >> inserts`,
    script: "sqlite3 db '.read inserts'; sqlite3 db 'select count(*) from t'",
  },
  {
    name: "python",
    needs: ["/usr/bin/python3"],
    calls: 10_000,
    files: {
      "main.py": `
import asyncio, email, http.client, json, logging.config, socket, sqlite3, unittest, xml.dom.minidom
for n in range(2000):
    with open("main.py") as source: source.read()
left, right = socket.socketpair()
for n in range(2000):
    left.sendall(b"ping"); right.recv(4)
`,
    },
    script: "exec /usr/bin/python3 main.py",
  },
  {
    name: "node",
    needs: ["node"],
    calls: 10_000,
    files: {
      "main.mjs": `
import fs from "node:fs"; import http from "node:http";
for (let n = 0; n < 2000; n++) fs.readFileSync("main.mjs");
await Promise.all([1, 2, 3, 4].map(async () => { for (let n = 0; n < 250; n++) await fs.promises.readFile("main.mjs"); }));
const server = http.createServer((request, response) => response.end("hello")).listen("h.sock", async () => {
  const agent = new http.Agent({ keepAlive: true });
  const ask = () => new Promise((done) => http.get({ socketPath: "h.sock", agent }, (answer) => answer.resume().on("end", done)));
  for (let n = 0; n < 500; n++) await ask();
  process.exit(0);
});
`,
    },
    script: "exec node main.mjs",
  },
  {
    name: "java",
    needs: ["java", "javac"],
    calls: 6_000,
    files: {
      "Main.java": `
import java.io.FileInputStream;

class Main {
  public static void main(String[] args) throws Exception {
    byte[] buffer = new byte[65536];
    for (int n = 0; n < 2000; n++)
      try (FileInputStream from = new FileInputStream("Main.java")) { while (from.read(buffer) > 0) {} }
  }
}`,
    },
    prepare: "javac Main.java",
    script: "exec java -cp . Main",
  },
  {
    name: "go",
    needs: ["go"],
    calls: 4_000,
    files: {
      "main.go": `
package main

import ("io"; "net/http"; "net/http/httptest"; "os")

func main() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") }))
	for n := 0; n < 500; n++ {
		answer, err := http.Get(server.URL)
		if err != nil { panic(err) }
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
	for n := 0; n < 100; n++ {
		from, _ := os.Open("/proc/self/exe")
		buffer := make([]byte, 65536)
		for { if count, _ := from.Read(buffer); count == 0 { break } }
		from.Close()
	}
}`,
    },
    prepare: "CGO_ENABLED=0 go build -o server main.go",
    script: "exec ./server",
  },
];

const HOT = new Set(EVENTS.filter((event) => event.tier === "hot").map((event) => event.name));

// Of the calls that may be recorded inline, whether or not any of their kind was.
function hotCalls(counted: Summary): { all: number; inline: number; traced: string[] } {
  const hot = Object.entries(counted.calls).filter(([name]) => HOT.has(name));
  return {
    all: hot.reduce((sum, [, call]) => sum + call.count, 0),
    inline: hot.reduce((sum, [, call]) => sum + call.tiers.inline, 0),
    traced: hot.filter(([, call]) => call.tiers.trace > 0).map(([name, call]) => `${name} ${call.tiers.trace}`),
  };
}

const test = suite("inline-share");
for (const program of selected(PROGRAMS)) {
  test(`${program.name}: at least 98 % of its hot calls are recorded inline, none is lost`, async () => {
    const missing = program.needs.filter((command) => !hasCommand(command));
    if (missing.length > 0) return console.log(`skip: ${program.name}: no ${missing.join(", ")}`);
    const cwd = scratch();
    mkdirSync(cwd, { recursive: true });
    for (const [name, text] of Object.entries(program.files ?? {})) writeFileSync(join(cwd, name), text);
    if (program.prepare !== undefined) await run(["bash", "-c", program.prepare], { cwd });
    const { run: ended, summary: counted } = await summary(["bash", "-c", program.script], {
      cwd,
    });
    const { all, inline, traced } = hotCalls(counted);
    assert.ok(all >= program.calls, `${all} hot calls, fewer than the ${program.calls} it makes\n${ended.stderr}`);
    assert.ok(
      inline / all >= SHARE_MIN,
      `${inline} of ${all} (${((100 * inline) / all).toFixed(2)} %); traced: ${traced.join(", ")}`,
    );
    assert.is(counted.lost, 0);
    for (const { site } of counted.unpatched) assert.match(site, /^\/.+\+0x[0-9a-f]+: .+/);
  });
}

test.run();
