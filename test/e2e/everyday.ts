// SPDX-License-Identifier: Apache-2.0
//
// The programs that must run under Vedette as they do without: a shell script each, with the files it needs
// and what must be installed. `prepare` runs bare (it compiles, say); `script` is what is watched. Scripts
// print what they found, and nothing that two bare runs would print differently: no process ids, times or
// addresses.
export interface Everyday {
  name: string;
  needs: string[];
  script: string;
  files?: Record<string, string>;
  prepare?: string;
  status?: number;
  limitMs?: number;
  /** Files that differ from run to run: their paths, from the program's folder on. */
  differs?: RegExp;
}

const WAIT_FOR = "for i in $(seq 100); do $CHECK && break; sleep 0.1; done";

export const EVERYDAY: Everyday[] = [
  {
    name: "coreutils",
    needs: ["ls", "sort"],
    script: `
      seq 1000 > numbers; sort -rn numbers | head -3; wc numbers; sha256sum numbers; od -c numbers | tail -2
      mkdir -p a/b; cp numbers a/b/n; cp -r a c; ln -s numbers soft; ln numbers hard; mv c d; find . | sort
      stat -c '%n %s %F %h' numbers soft; split -n 4 numbers part.; cat part.* | cmp - numbers && echo same
      tee one < numbers | tail -1; comm -12 numbers one 2>/dev/null | wc -l; dd if=numbers bs=10 count=3 status=none
      tr 0-9 a-j < numbers | cut -c1-2 | uniq -c | head -2; ls missing; chmod 600 one; rm -r a d; ls -1; test -f one; rmdir one`,
    status: 1,
  },
  {
    name: "surroundings",
    needs: ["grep"],
    // What a program can see of the place it was put in. Only TracerPid and Seccomp may differ.
    script: `
      env | sort; umask; ulimit -a; pwd; grep -E '^(Sig(Blk|Ign|Cgt)|Shd|Cap|NoNewPrivs|Groups)' /proc/self/status
      ls /proc/self/fd; cat /proc/self/comm; tr '\\0' ' ' < /proc/self/cmdline; nice; ps -o ni= -p $$ | tr -d ' '`,
  },
  {
    name: "bash-pipes",
    needs: [],
    script: `
      set -o pipefail; seq 10000 | grep 7 | wc -l; false | true; echo "pipe $?"; (exit 3); echo "sub $?"
      cat <(echo left) <(echo right); exec 5> five; echo five >&5; exec 5>&-; cat five; echo err >&2
      while read -r line; do echo "got $line"; done <<< "here"; coproc cat; echo co >&"\${COPROC[1]}"; read -r back <&"\${COPROC[0]}"; echo "$back"
      yes | head -2; echo "status \${PIPESTATUS[*]}"; exit 7`,
    status: 7,
  },
  {
    name: "bash-job-control",
    needs: ["sleep"],
    script: `
      set -m; sleep 30 & kill -STOP %1; CHECK='eval [ "$(jobs -s | wc -l)" = 1 ]'; ${WAIT_FOR}; jobs; bg %1; jobs; kill %1; wait %1; echo "ended $?"
      (sleep 0.1; exit 4) & wait $!; echo "waited $?"; (kill -STOP $BASHPID; echo resumed) & sleep 0.3; kill -CONT %%; wait; disown -a; true`,
  },
  {
    name: "signals",
    needs: [],
    differs: /^(killed|fault)$/,
    script: `
      trap 'echo usr1' USR1; trap 'echo exit' EXIT; kill -USR1 $$; bash -c 'kill -TERM $$'; echo "term $?"; { bash -c 'kill -KILL $$'; } 2> killed; echo "kill $?"
      grep -o Killed killed; { bash -c 'ulimit -c 0; kill -SEGV $$'; } 2> fault; echo "segv $?"; bash -c 'trap "" PIPE; yes 2>/dev/null | head -1; echo "\${PIPESTATUS[0]}"'
      timeout 0.2 sleep 5; echo "timeout $?"; kill -INT $$`,
    status: 130,
  },
  { name: "ended-by-a-signal", needs: [], script: "echo before; ulimit -c 0; kill -ABRT $$", status: 134 },
  {
    name: "python",
    needs: ["/usr/bin/python3"],
    files: {
      "main.py": `
import subprocess, threading, socket, os, tempfile, signal, sys, multiprocessing
print(subprocess.run(["sh", "-c", "echo child; exit 3"], capture_output=True))
results = []
threads = [threading.Thread(target=lambda n=n: results.append(n * n)) for n in range(20)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(results))
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
session, _ = server.accept()
client.sendall(b"x" * 100000 + b"end"); client.close()
got = b""
while chunk := session.recv(65536): got += chunk
print(len(got), got[-3:])
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "f"); open(path, "w").write("text" * 1000); print(os.stat(path).st_size)
signal.signal(signal.SIGALRM, lambda *a: print("alarm")); signal.setitimer(signal.ITIMER_REAL, 0.05); signal.pause()
with multiprocessing.get_context("fork").Pool(3) as pool: print(pool.map(abs, range(-5, 5)))
try: open("/missing")
except OSError as error: print(error)
print("to stderr", file=sys.stderr); sys.exit(5)
`,
    },
    script: "exec /usr/bin/python3 main.py",
    status: 5,
  },
  {
    name: "working-directories",
    needs: ["/usr/bin/python3"],
    files: {
      "main.py": `
import os
home = os.getcwd()
def said(call, *given):
    try: return call(*given)
    except OSError as refused: return refused.errno
for round in range(40):
    os.mkdir("gone")
    gone = os.open("gone", os.O_RDONLY)
    print([said(os.chdir, "gone"), os.rmdir(home + "/gone"), said(os.fchdir, gone), said(os.getcwd), said(os.chdir, "none")])
    os.close(gone)
    print(said(os.chdir, home), said(os.fchdir, 999))
deep = 24
for level in range(deep): print(said(os.mkdir, "d" * 200), said(os.chdir, "d" * 200))
for level in range(deep): print(said(os.chdir, ".."), said(os.rmdir, "d" * 200))
print(os.getcwd() == home)
`,
    },
    script: "exec /usr/bin/python3 main.py",
  },
  {
    name: "node",
    needs: ["node"],
    files: {
      "main.mjs": `
import fs from "node:fs"; import http from "node:http"; import { spawnSync } from "node:child_process"; import { Worker } from "node:worker_threads";
fs.writeFileSync("big", Buffer.alloc(1 << 20, 7)); console.log((await fs.promises.readFile("big")).length);
await new Promise((done) => fs.createReadStream("big").pipe(fs.createWriteStream("copy")).on("finish", done)); console.log(fs.statSync("copy").size);
console.log(String(spawnSync("sh", ["-c", "echo child; exit 3"]).stdout).trim());
const sums = await Promise.all([1, 2, 3].map((n) => new Promise((done) => new Worker("require('worker_threads').parentPort.postMessage(require('worker_threads').workerData * 2)", { eval: true, workerData: n }).on("message", done))));
console.log(sums);
const server = http.createServer((request, response) => response.end("hello " + request.url)).listen(0, "127.0.0.1", async () => {
  for (let n = 0; n < 20; n++) console.log(await (await fetch("http://127.0.0.1:" + server.address().port + "/" + n)).text());
  server.close(); server.closeAllConnections(); process.exitCode = 6;
});
`,
    },
    script: "exec node main.mjs",
    status: 6,
  },
  {
    name: "go-static",
    needs: ["go"],
    files: {
      "main.go": `
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
)

func main() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "hello %s", r.URL.Path) }))
	var group sync.WaitGroup
	answers := make([]string, 50)
	for n := range answers {
		group.Add(1)
		go func() {
			defer group.Done()
			response, err := http.Get(fmt.Sprintf("%s/%d", server.URL, n))
			if err != nil { answers[n] = err.Error(); return }
			body, _ := io.ReadAll(response.Body)
			answers[n] = string(body)
		}()
	}
	group.Wait()
	fmt.Println(answers)
	os.WriteFile("file", make([]byte, 1<<20), 0600)
	data, err := os.ReadFile("file")
	fmt.Println(len(data), err)
	output, err := exec.Command("sh", "-c", "echo child; exit 3").Output()
	fmt.Printf("%s%v\\n", output, err)
	os.Exit(4)
}
`,
    },
    prepare: "CGO_ENABLED=0 go build -o main main.go",
    script: "exec ./main",
    status: 4,
  },
  {
    name: "rust-static",
    needs: ["rustc"],
    files: {
      "main.rs": `
use std::{fs, io::{Read, Write}, net::{TcpListener, TcpStream}, process::Command, thread};
fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || { let (mut s, _) = listener.accept().unwrap(); let mut t = String::new(); s.read_to_string(&mut t).unwrap(); t.len() });
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(&[b'x'; 200_000]).unwrap();
    drop(client);
    println!("{}", server.join().unwrap());
    fs::write("file", vec![1u8; 1 << 20]).unwrap();
    println!("{}", fs::read("file").unwrap().len());
    println!("{:?}", Command::new("sh").args(["-c", "echo child; exit 3"]).output().unwrap());
    let handles: Vec<_> = (0..16).map(|n| thread::spawn(move || fs::write(format!("f{n}"), "x").is_ok())).collect();
    println!("{}", handles.into_iter().all(|h| h.join().unwrap()));
    eprintln!("{:?}", fs::read("missing").unwrap_err().kind());
    std::process::exit(9);
}
`,
    },
    prepare: "rustc -O -C target-feature=+crt-static -o main main.rs",
    script: "exec ./main",
    status: 9,
  },
  {
    name: "musl-static",
    needs: ["musl-gcc"],
    files: {
      "main.c": `
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/wait.h>
static void* work(void* n) { return (void*)((long)n * 2); }
int main(void) {
  pthread_t threads[10]; long sum = 0;
  for (long n = 0; n < 10; n++) pthread_create(&threads[n], 0, work, (void*)n);
  for (int n = 0; n < 10; n++) { void* result; pthread_join(threads[n], &result); sum += (long)result; }
  printf("%ld\\n", sum);
  FILE* file = fopen("file", "w+"); for (int n = 0; n < 10000; n++) fprintf(file, "%d\\n", n);
  printf("%ld\\n", ftell(file)); fclose(file);
  fflush(stdout); int status = system("echo child; exit 3"); printf("%d\\n", WEXITSTATUS(status));
  FILE* pipe = popen("tr a-z A-Z", "w"); fputs("upper\\n", pipe); fflush(stdout); printf("%d\\n", pclose(pipe));
  perror("to stderr"); return 8;
}
`,
    },
    prepare: "musl-gcc -static -O2 -o main main.c",
    script: "exec ./main",
    status: 8,
  },
  {
    name: "busybox",
    needs: ["busybox"],
    script: `exec busybox sh -c '
      seq 100 | awk "{ s += \\$1 } END { print s }"; echo text | sed s/e/E/ | md5sum; busybox tar cf t.tar /etc/passwd 2>/dev/null; busybox tar tf t.tar
      for i in 1 2 3; do echo $i; done | sort -r; busybox vi --help 2>&1 | head -1; ls missing; (sleep 0.1; exit 2) & wait $!; echo $?; exit 12'`,
    status: 12,
  },
  {
    name: "git-clone",
    needs: ["git"],
    prepare: `
      export GIT_AUTHOR_DATE=2024-01-01T00:00:00Z GIT_COMMITTER_DATE=2024-01-01T00:00:00Z HOME=$PWD
      git init -q -b main source; cd source; git config user.email a@b; git config user.name n
      for i in $(seq 30); do mkdir -p d$((i % 5)); seq $((i * 50)) > d$((i % 5))/f$i; git add -A; git commit -qm "change $i"; done`,
    script: `
      export HOME=$PWD; git clone source copy 2>&1; cd copy; git log --oneline | tail -3; git status; git fsck --no-progress; echo x >> d0/f5; git diff --stat
      git checkout -q -b other; git rev-parse HEAD; git show --stat HEAD | tail -2; git switch missing`,
    differs: /\.git\//,
    status: 128,
  },
  {
    name: "gcc",
    needs: ["gcc"],
    files: {
      "main.c": '#include <stdio.h>\n#include <math.h>\nint main(void) { printf("%.3f\\n", sqrt(2)); return 3; }\n',
      "bad.c": "int main(void) { return undeclared; }\n",
    },
    script: "gcc -O2 -Wall -c main.c && gcc -o main main.o -lm && ./main; echo $?; nm main.o; gcc bad.c",
    status: 1,
  },
  {
    name: "sqlite",
    needs: ["sqlite3"],
    differs: /^test\.db-(shm|wal)$/,
    script: `sqlite3 test.db "
      create table t(a integer primary key, b text); with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) insert into t select i, hex(i) from n;
      select count(*), sum(a), max(b) from t; begin; delete from t where a % 2; rollback; select count(*) from t; pragma journal_mode=wal; update t set b = 'x' where a < 100;
      select count(*) from t where b = 'x'; pragma integrity_check; vacuum; select * from missing;"`,
    status: 1,
  },
  {
    name: "redis",
    needs: ["redis-server", "redis-cli"],
    differs: /^(bench|log|appendonlydir\/.*|dump\.rdb)$/,
    script: `
      redis-server --port 0 --unixsocket r.sock --save '' --appendonly yes --dir . --daemonize no > log 2>&1 & server=$!
      cli() { redis-cli -s r.sock "$@"; }; CHECK='cli ping'; ${WAIT_FOR.replace("$CHECK", "$CHECK > ready 2>&1 && grep -q PONG ready")}
      for i in $(seq 20); do echo "set key$i value$i"; done | cli | sort | uniq -c; cli get key7; cli incr n; cli lpush l a b c; cli lrange l 0 -1; cli dbsize
      redis-benchmark -s r.sock -q -n 1000 -t set,get > bench; grep -c per bench; cli shutdown nosave; wait $server; echo "server $?"`,
  },
  {
    name: "nginx",
    needs: ["nginx", "curl"],
    files: {
      "nginx.conf": `
user root; daemon off; worker_processes 2; pid nginx.pid; error_log error.log;
events { worker_connections 128; }
http { access_log access.log; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server { listen unix:n.sock; root .; location / { return 200 "hello $request_uri\\n"; } location = /nginx.conf { root .; } } }
`,
    },
    differs: /^access\.log$/,
    script: `
      nginx -e error.log -p $PWD -c $PWD/nginx.conf & server=$!; CHECK='test -S n.sock'; ${WAIT_FOR}
      curl -s --unix-socket n.sock "http://localhost/?n=[1-1000]" > answers; wc -l < answers; sort -u answers | wc -l; tail -1 answers
      curl -s --unix-socket n.sock http://localhost/nginx.conf | cmp - nginx.conf && echo same; kill -QUIT $server; wait $server; echo "server $?"; wc -l < access.log`,
  },
  {
    name: "openjdk",
    needs: ["javac", "java"],
    files: {
      "Main.java": `
import java.nio.file.*; import java.util.*; import java.util.concurrent.*; import java.util.stream.*;
public class Main {
  public static void main(String[] args) throws Exception {
    var pool = Executors.newFixedThreadPool(8); var tasks = new ArrayList<Callable<Integer>>();
    for (int n = 0; n < 100; n++) { int m = n; tasks.add(() -> { Files.writeString(Path.of("f" + m % 10 + "-" + m), "x".repeat(m)); return m * m; }); }
    int sum = 0; for (var f : pool.invokeAll(tasks)) sum += f.get(); pool.shutdown(); System.out.println(sum);
    try (var files = Files.list(Path.of("."))) { System.out.println(files.filter(p -> p.getFileName().toString().startsWith("f")).count()); }
    var server = new java.net.ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress());
    var thread = new Thread(() -> { try (var s = server.accept()) { s.getOutputStream().write("from java".getBytes()); } catch (Exception e) { e.printStackTrace(); } }); thread.start();
    try (var c = new java.net.Socket(server.getInetAddress(), server.getLocalPort())) { System.out.println(new String(c.getInputStream().readAllBytes())); } thread.join();
    System.out.println(IntStream.range(0, 1_000_000).parallel().filter(i -> i % 7 == 0).count());
    System.gc(); var p = new ProcessBuilder("sh", "-c", "exit 3").start(); System.out.println(p.waitFor()); System.err.println("to stderr"); System.exit(11);
  }
}
`,
    },
    prepare: "javac Main.java",
    script: "exec java -Xmx128m Main",
    status: 11,
    limitMs: 120_000,
  },
  {
    name: "openjdk-nio",
    needs: ["javac", "java"],
    files: {
      "Nio.java": `
import java.net.*; import java.nio.*; import java.nio.channels.*; import java.nio.file.*; import java.util.concurrent.*;
public class Nio {
  static volatile long spun;
  public static void main(String[] args) throws Exception {
    var path = Path.of("data"); var bytes = ByteBuffer.allocateDirect(1 << 16); for (int i = 0; i < 1 << 16; i++) bytes.put((byte) i); bytes.flip();
    try (var out = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      for (int n = 0; n < 50; n++) { out.write(bytes.duplicate(), (long) n << 16); } out.force(true);
      System.out.println(out.map(FileChannel.MapMode.READ_ONLY, 0, out.size()).get(12345));
      try (var copy = FileChannel.open(Path.of("copy"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) { System.out.println(out.transferTo(0, out.size(), copy)); }
    }
    try (var async = AsynchronousFileChannel.open(path, StandardOpenOption.READ)) { System.out.println(async.read(ByteBuffer.allocate(1000), 7).get()); }
    var selector = Selector.open(); var server = ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)); server.configureBlocking(false); server.register(selector, SelectionKey.OP_ACCEPT);
    var address = server.getLocalAddress(); var client = CompletableFuture.supplyAsync(() -> { try (var c = SocketChannel.open(address)) { c.write(ByteBuffer.wrap("ping".getBytes())); var b = ByteBuffer.allocate(64); c.read(b); return new String(b.array(), 0, b.position()); } catch (Exception e) { return e.toString(); } });
    for (boolean done = false; !done;) { selector.select(); for (var key : selector.selectedKeys()) { if (key.isAcceptable()) { var s = server.accept(); s.configureBlocking(false); s.register(selector, SelectionKey.OP_READ); } else if (key.isReadable()) { var s = (SocketChannel) key.channel(); var b = ByteBuffer.allocate(64); s.read(b); s.write(ByteBuffer.wrap(("echo " + new String(b.array(), 0, b.position())).getBytes())); s.close(); done = true; } } selector.selectedKeys().clear(); }
    System.out.println(client.get()); for (int n = 0; n < 30; n++) { for (long i = 0; i < 2_000_000; i++) spun += i ^ n; System.gc(); } System.out.println(spun != 0);
  }
}
`,
    },
    prepare: "javac Nio.java",
    // With Flight Recorder: its sampler stops threads by signals, and unwinds them.
    differs: /^r\.jfr$/,
    script:
      "java -Xmx128m -XX:StartFlightRecording=filename=r.jfr,settings=profile -Xlog:jfr*=off -Xlog:jfr+startup=off Nio; echo $?; test -s r.jfr && echo recorded; ls | grep -c hs_err",
    status: 1,
    limitMs: 120_000,
  },
  {
    name: "node-io-uring",
    needs: ["node"],
    files: {
      "main.mjs": `
import fs from "node:fs/promises";
await Promise.all(Array.from({ length: 50 }, async (_, n) => { await fs.writeFile("f" + n, "x".repeat(n * 100)); console.log((await fs.readFile("f" + n)).length === n * 100, (await fs.stat("f" + n)).size === n * 100); }));
console.log((await fs.readdir(".")).length);
`,
    },
    script: "UV_USE_IO_URING=1 node main.mjs; UV_USE_IO_URING=0 node main.mjs",
  },
  {
    name: "200-threads",
    needs: ["gcc"],
    files: {
      "main.c": `
#include <pthread.h>
#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>
static pthread_barrier_t barrier;
static long work(long n) { char name[32], data[64]; long sum = 0; snprintf(name, sizeof name, "t%ld", n); int fd = open(name, O_CREAT | O_RDWR, 0600);
  for (int i = 0; i < 50; i++) { sum += pwrite(fd, data, 64, i * 64); sum += pread(fd, data, 64, i * 64); } close(fd); unlink(name); return sum; }
static void* body(void* n) { pthread_barrier_wait(&barrier); return (void*)work((long)n); }
int main(void) { pthread_t threads[200]; long total = 0; pthread_barrier_init(&barrier, 0, 200);
  for (long n = 0; n < 200; n++) if (pthread_create(&threads[n], 0, body, (void*)n)) return 1;
  for (int n = 0; n < 200; n++) { void* sum; pthread_join(threads[n], &sum); total += (long)sum; } printf("%ld\\n", total); return 0; }
`,
    },
    prepare: "gcc -O1 -pthread -o main main.c",
    script: "exec ./main",
  },
  {
    name: "2000-processes",
    needs: [],
    script: "n=0; for i in $(seq 2000); do /bin/true && n=$((n + 1)); done; echo $n",
    limitMs: 180_000,
  },
];
