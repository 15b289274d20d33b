# SPDX-License-Identifier: Apache-2.0
# What the pack's rules tell of, each done once, harmlessly, by this very process: deeds.py DEED LABEL. The label is for whoever reads the
# alerts: it stands in the command line. deeds.py DEED as FILE: by a child for each line, which has taken it for its name before.
import ctypes, os, signal, socket, subprocess, sys, time

libc = ctypes.CDLL(None, use_errno=True)
label = sys.argv[2]


def connected(address):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(address)


def resolver():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("203.0.113.53", 53))


def attach():
    child = os.fork()
    if child == 0:
        time.sleep(20)
        os._exit(0)
    other = subprocess.Popen(["/bin/sleep", "20"])
    libc.ptrace(16, other.pid, 0, 0)
    for pid in (child, other.pid):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def setuid():
    path = f"{os.getcwd()}/setuid-{os.getpid()}"
    open(path, "w").close()
    os.chmod(path, 0o4755)
    os.unlink(path)


def scan():
    for port in range(2, 42):
        socket.socket().connect_ex(("127.0.0.1", port))


def shell_on_socket():
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    client.sendall(b"exit\n")
    session, _ = server.accept()
    subprocess.run(["/bin/sh", "-s", label], stdin=session)


# The one who connects is no relative: it has been waiting for the port's number since before.
def server_shell():
    server = socket.create_server(("127.0.0.1", 0))
    with open(os.environ["PORTS"], "w") as ports:
        ports.write(f"{server.getsockname()[1]}\n")
    server.accept()
    subprocess.run(["/bin/sh", "-c", f": {label}"])


def memory():
    memfd = os.memfd_create(label)
    with open("/bin/true", "rb") as program:
        os.write(memfd, program.read())
    os.execve(memfd, ["true", label], os.environ)


DEEDS = {
    "credentials": lambda: connected(("169.254.170.2", 80)),
    "metadata": lambda: connected(("169.254.169.254", 80)),
    "sensitive": lambda: open("/etc/shadow").close(),
    "startup": lambda: open(f"{os.environ['FILES']}/startup", "w").close(),
    "loader": lambda: open(f"{os.environ['FILES']}/preload", "w").close(),
    "inject": attach,
    "escape": lambda: libc.mount(b"none", b"/nowhere", b"tmpfs", 0, None),
    "setuid": setuid,
    "resolver": resolver,
    "scan": scan,
    "socket": shell_on_socket,
    "server": server_shell,
    "memory": memory,
}

if label == "as":
    with open(sys.argv[3]) as names:
        for label in names.read().split("\n")[:-1]:
            if os.fork() == 0:
                libc.prctl(15, label.encode(), 0, 0, 0)
                DEEDS[sys.argv[1]]()
                os._exit(0)
            os.wait()
else:
    DEEDS[sys.argv[1]]()
