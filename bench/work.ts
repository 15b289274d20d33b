// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- work [--json] [--rounds N] [--watchers LIST] [NAME...]`: what whole pieces of work cost,
// with Debian's programs: processor time of the work and the watcher together, and the time that passes,
// against the bare work. Medians of interleaved rounds, each in a folder of its own (TMPDIR). NAMEs choose
// rows whose name holds one of them.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Taken, timedRun } from "./measure/kinds.js";
import { median } from "./measure/median.js";
import { buildProgram } from "./measure/programs.js";
import { type Watcher, watchers } from "./measure/watchers.js";
import { isInstalled } from "./measure/workloads.js";

interface Work {
  readonly name: string;
  readonly needs: readonly string[];
  /** In bash, in the folder $AT that all rounds share. Not measured. */
  readonly prepare?: string;
  /** In bash, in the round's own folder, before it. Not measured. */
  readonly before?: string;
  /** In bash, in the round's own folder. */
  readonly script: string;
}

const SMALL_FILES = "mkdir -p small && for i in $(seq $COUNT); do echo $i > small/$i; done";
const COMMIT = "git add -A && git -c user.name=a -c user.email=a@b -c commit.gpgsign=false commit -qm";
const INSERTS = `{ echo "pragma journal_mode=$MODE; create table t(a,b);"; for i in $(seq 1000); do echo "insert into t values($i,'x');"; done; }`;
const SERVED = "until test -S s.sock; do sleep 0.02; done";
const NGINX = `user root; daemon off; worker_processes 1; pid nginx.pid; error_log error.log; events {}
  http { access_log off; sendfile on; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  keepalive_requests 100000;`;
/** In front of what may not be root's, and where Debian has PostgreSQL's programs. */
const AS_POSTGRES =
  'PG=$(ls -d /usr/lib/postgresql/*/bin | tail -1); as() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }';

/** pgbench with these options. The server's start and end are in it. */
const pgbench = (name: string, options: string): Work => ({
  name: `pgbench, ${name}`,
  needs: ["pgbench", "setpriv"],
  prepare: `chmod 755 .; mkdir d; chown postgres d; ${AS_POSTGRES}; as $PG/initdb -D $PWD/d -A trust > log
    as $PG/pg_ctl -D $PWD/d -o "-k $PWD/d -h ''" -w start > log; as $PG/pgbench -i -q -h $PWD/d postgres 2> log; as $PG/pg_ctl -D $PWD/d -m fast stop > log`,
  before: "chmod 755 .; cp -a $AT/d d",
  script: `set -e; ${AS_POSTGRES}; as $PG/postgres -D $PWD/d -k $PWD/d -h '' > server.log 2>&1 &
    until as $PG/pg_isready -q -h $PWD/d; do sleep 0.05; done; as $PG/pgbench -n -h $PWD/d ${options} postgres > bench.log 2>&1
    as $PG/pg_ctl -D $PWD/d -m fast stop > stop.log; wait`,
});

const WORK: readonly Work[] = [
  // What the agent's start and bash cost, which is in every row.
  { name: "nothing", needs: [], script: ":" },
  {
    name: "tar x, 1,000 files",
    needs: ["tar"],
    prepare: `COUNT=1000; ${SMALL_FILES}; tar -cf small.tar small`,
    script: "tar -xf $AT/small.tar",
  },
  {
    name: "rsync, 5,000 files",
    needs: ["rsync"],
    prepare: `COUNT=5000; ${SMALL_FILES}`,
    script: "rsync -a $AT/small/ copy/",
  },
  {
    name: "sqlite, 1,000 inserts, journal",
    needs: ["sqlite3"],
    prepare: `MODE=delete; ${INSERTS} > inserts`,
    script: "sqlite3 d < $AT/inserts",
  },
  {
    name: "sqlite, 1,000 inserts, WAL",
    needs: ["sqlite3"],
    prepare: `MODE=wal; ${INSERTS} > inserts`,
    script: "sqlite3 d < $AT/inserts",
  },
  {
    name: "git clone, checkout, status",
    needs: ["git"],
    prepare: `COUNT=1000; ${SMALL_FILES}; git init -q -b one && ${COMMIT} one && git checkout -qb two && for i in $(seq 1 3 1000); do rm small/$i; done && ${COMMIT} two`,
    script: "git clone -q --no-hardlinks $AT c && cd c && git checkout -q one && git status --porcelain",
  },
  {
    name: "make, 50 C files",
    needs: ["make", "gcc"],
    prepare: `for i in $(seq 50); do printf '#include <stdio.h>\\nint f%d(void) { return puts("x"); }\\n' $i > $i.c; done
      printf 'all: $(patsubst %%.c,%%.o,$(wildcard *.c))\\n' > Makefile`,
    before: "cp $AT/*.c $AT/Makefile .",
    script: "make -s",
  },
  {
    name: "npm install of a tarball",
    needs: ["npm"],
    prepare: `mkdir p && cd p && echo '{"name":"p","version":"1.0.0"}' > package.json && COUNT=200 && ${SMALL_FILES} && npm pack --silent --pack-destination ..`,
    before: `echo '{"name":"q","version":"1.0.0"}' > package.json`,
    script: "npm install --silent --offline --no-audit --no-fund --cache ./cache $AT/p-1.0.0.tgz",
  },
  { name: "mail queue, 2,000 files", needs: [], script: "$NAMES 2000" },
  {
    name: "nginx, 2,000 files by sendfile",
    needs: ["nginx", "curl"],
    prepare: `head -c 65536 /dev/zero > page; echo "${NGINX} server { listen unix:s.sock; root $PWD; } }" > nginx.conf`,
    script: `nginx -e error.log -p $PWD -c $AT/nginx.conf & ${SERVED}; curl -s --unix-socket s.sock 'http://localhost/page?[1-2000]' > /dev/null; kill $!; wait $!`,
  },
  pgbench("20,000 reads", "-S -c 4 -t 5000"),
  pgbench("4,000 transactions", "-c 4 -t 1000"),
  pgbench("400 reads, a connection each", "-S -C -c 4 -t 100"),
  {
    name: "php-fpm, 1,000 requests by nginx",
    needs: ["php-fpm8.4", "nginx", "curl"],
    prepare: `echo '<?php function lines($f) { return count(file($f)); }' > lib.php; echo '<?php require "lib.php"; echo lines(__FILE__), date("c");' > i.php
      printf '[global]\nerror_log = /dev/null\n[w]\nlisten = php.sock\npm = static\npm.max_children = 2\n' > fpm.conf
      echo "${NGINX} server { listen unix:s.sock; location / { fastcgi_pass unix:php.sock; fastcgi_param SCRIPT_FILENAME $PWD/i.php; fastcgi_param REQUEST_METHOD GET; } } }" > nginx.conf`,
    script: `php-fpm8.4 -n -R -F -p $PWD -y $AT/fpm.conf & php=$!; until test -S php.sock; do sleep 0.02; done
      nginx -e error.log -p $PWD -c $AT/nginx.conf & ${SERVED}; curl -sf --unix-socket s.sock 'http://localhost/?[1-1000]' > /dev/null; kill $! $php; wait $! $php || true`,
  },
  {
    name: "redis, 20,000 GET and SET",
    needs: ["redis-server", "redis-benchmark"],
    script: `redis-server --port 0 --unixsocket s.sock --save '' --dir . & ${SERVED}; redis-benchmark -s s.sock -q -n 20000 -c 8 -t get,set; kill $!; wait $!`,
  },
  {
    name: "python, 10 starts",
    needs: ["python3"],
    script: "for i in $(seq 10); do /usr/bin/python3 -c 'import json, ssl'; done",
  },
  { name: "node, 5 starts", needs: ["node"], script: "for i in $(seq 5); do node -e 0; done" },
  { name: "/bin/true, 500 times", needs: [], script: "for i in $(seq 500); do /bin/true; done" },
];

const { values: flags, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    watchers: { type: "string", default: "native,vedette,normal,ebpf" },
  },
});
const { able, unable } = watchers();
const compared = able.filter(({ name }) => flags.watchers.split(",").includes(name));
const environment = { ...process.env, NAMES: buildProgram("names") };

function bash(script: string, cwd: string, at: string): void {
  execFileSync("bash", ["-ec", script], { cwd, env: { ...environment, AT: at }, stdio: "pipe" });
}

function once(work: Work, watcher: Watcher, at: string): Taken {
  const folder = mkdtempSync(join(tmpdir(), "vedette-round-"));
  try {
    if (work.before !== undefined) bash(work.before, folder, at);
    const watched = { ...watcher, env: { ...watcher.env, NAMES: environment.NAMES, AT: at } };
    return timedRun(watched, ["bash", "-c", work.script], folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function measure(work: Work) {
  const at = mkdtempSync(join(tmpdir(), "vedette-work-"));
  try {
    if (work.prepare !== undefined) bash(work.prepare, at, at);
    const taken = compared.map(() => [] as Taken[]);
    for (let round = 0; round < Number(flags.rounds); round++)
      for (const [i, watcher] of compared.entries()) taken[i]!.push(once(work, watcher, at));
    const ways = compared.map(({ name }, i) => {
      const cpuMs = median(taken[i]!.map(({ cpuNs }) => cpuNs)) / 1e6;
      return { name, cpuMs, wallMs: median(taken[i]!.map(({ value }) => value)) };
    });
    return { work: work.name, ways };
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
}

const rows: ReturnType<typeof measure>[] = [];
for (const work of WORK) {
  if (wanted.length > 0 && !wanted.some((word) => work.name.includes(word))) continue;
  const missing = work.needs.filter((command) => !isInstalled(command));
  if (missing.length > 0) {
    unable.push(`${work.name}: no ${missing.join(", ")}`);
    continue;
  }
  const row = measure(work);
  rows.push(row);
  const native = row.ways.find(({ name }) => name === "native");
  const said = row.ways.map(({ name, cpuMs, wallMs }) => {
    const times = native === undefined || name === "native" ? "" : `, ${(cpuMs / native.cpuMs).toFixed(2)} times`;
    return `${name} ${cpuMs.toFixed(0)} ms of CPU${times} (${wallMs.toFixed(0)} ms)`;
  });
  if (!flags.json) console.log(`${row.work}: ${said.join("; ")}`);
}
const machine = {
  kernel: release(),
  cpu: cpus()[0]!.model,
  cpus: cpus().length,
  load: loadavg()[0],
  rounds: Number(flags.rounds),
};
if (flags.json) console.log(JSON.stringify({ ...machine, skipped: unable, rows }));
else for (const reason of unable) console.log(`skipped: ${reason}`);
