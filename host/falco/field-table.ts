// SPDX-License-Identifier: Apache-2.0
// The table behind fields.ts: `[-]name type [list] [argument]: doc`. A minus says that our events cannot
// answer the field. Names, types and arguments are Falco's; the meaning is told in our words. Ours alone:
// fd.realpath, dns.*, vedette.*.
/** One field a line. `vedette fields` prints it. */
export const FIELD_TABLE = `
evt.num int: number of the event, counted from 1 in each agent
evt.time text: local time of the event with nanoseconds
evt.time.s text: local time of the event without nanoseconds
evt.time.iso8601 text: time of the event in ISO 8601, UTC, with nanoseconds
evt.datetime text: local date and time of the event with nanoseconds
evt.datetime.s text: local date and time of the event without nanoseconds
evt.rawtime int: time of the event in ns since the epoch
evt.rawtime.s int: whole seconds of the event's time
evt.rawtime.ns int: nanoseconds within the second of the event's time
-evt.reltime int: ns since the capture began
-evt.reltime.s int: whole seconds since the capture began
-evt.reltime.ns int: nanoseconds within the second since the capture began
evt.latency int: ns from the call to its return
evt.latency.s int: whole seconds from the call to its return
evt.latency.ns int: nanoseconds within the second from the call to its return
-evt.latency.quantized int: logarithm of the latency, for a terminal of a given width
evt.latency.human text: latency as a text with its unit, such as 10.32ms
-evt.deltatime int: ns since the event before
-evt.deltatime.s int: whole seconds since the event before
-evt.deltatime.ns int: nanoseconds within the second since the event before
evt.outputtime text: the same as evt.time
evt.dir text: always "<", since only returns are recorded (deprecated)
evt.type text: name of the event, such as openat
evt.type.is int [key]: 1 when the event is of the given type
syscall.type text: name of the system call; nothing for other events
evt.category text: kind of the event: file, net, ipc, IPC, process, memory, user, signal, other; unknown for I/O on other descriptors
-evt.cpu int: processor on which the event happened
evt.args text: all arguments as one text
evt.arg text [key]: one argument as a text, by name or position
evt.rawarg arg [key]: one argument as its own type, by name
evt.info text: for most events, the same as evt.args
evt.buffer bytes: bytes read or written, cut at --snaplen
evt.buflen int: how many bytes were read or written
evt.res text: SUCCESS, or the name of the error
evt.rawres int: return value of the call, or minus the error
evt.failed bool: whether the call failed
evt.is_io bool: whether the event reads or writes a descriptor
evt.is_io_read bool: whether the event reads a descriptor
evt.is_io_write bool: whether the event writes a descriptor
evt.io_dir text: read or write
evt.is_wait bool: whether the event makes the thread wait: never, since such calls are not recorded
-evt.wait_latency int: ns the thread waited
evt.is_syslog bool: whether the event writes to the system log
evt.count int: always 1
evt.count.error int: 1 for a call that failed
evt.count.error.file int: 1 for a failed call on a file, 0 for another call on one
evt.count.error.net int: 1 for a failed call on a socket, 0 for another call on one
evt.count.error.memory int: 1 for a failed call on memory, 0 for another call on it
evt.count.error.other int: 1 for a failed call on none of these, 0 for another such call
evt.count.exit int: 1, since every event is a return
evt.count.procinfo int: 1 for process statistics, which are no event here: always 0
evt.count.threadinfo int: 1 for thread statistics: always 0
evt.around int [index]: for conditions: evt.around[TIME]=MS is true up to so many ms before and after the time (evt.rawtime)
evt.abspath text: absolute path that an ...at call was given; of two the first
evt.abspath.src text: the same
evt.abspath.dst text: of two paths the second
evt.buflen.in int: size of what was read
evt.buflen.out int: size of what was written
evt.buflen.file int: size of file transfers
evt.buflen.file.in int: size of what was read from a file
evt.buflen.file.out int: size of what was written to a file
evt.buflen.net int: size of socket transfers
evt.buflen.net.in int: size of what was read from a socket
evt.buflen.net.out int: size of what was written to a socket
evt.is_open_read bool: whether a file is opened for reading
evt.is_open_write bool: whether a file is opened for writing
evt.is_open_exec bool: whether a file is created executable
evt.is_open_create bool: whether a file is created
evt.source text: always syscall
evt.is_async bool: whether the event comes from a plugin: never
-evt.asynctype text: name of such an event
evt.hostname text: name of the host, in output_fields
-evt.pluginname text: plugin that made the event
-evt.plugininfo text: what the plugin says of the event
-evt.infra.docker.name text: name of an event of Docker
-evt.infra.docker.container.id text: its container
-evt.infra.docker.container.name text: name of its container
-evt.infra.docker.container.image text: image of its container
proc.exe text: first argument of the command line (argv[0])
proc.pexe text: argv[0] of the parent
proc.aexe text list [index?]: argv[0] of an ancestor; without an index, of any
proc.exepath text: path of the executable, by the kernel
proc.pexepath text: path of the parent's executable
proc.aexepath text list [index?]: path of an ancestor's executable; without an index, of any
proc.name text: name of the process (comm, 15 bytes)
proc.pname text: name of the parent
proc.aname text list [index?]: name of an ancestor; without an index, of any
proc.args text [index?]: arguments of the command line, joined by blanks; with an index, that argument, the first behind argv[0] being 0
proc.aargs text list [index?]: arguments of an ancestor; without an index, of any
proc.cmdline text: name and arguments
proc.pcmdline text: name and arguments of the parent
proc.acmdline text list [index?]: name and arguments of an ancestor; without an index, of any
proc.cmdnargs int: number of arguments
proc.cmdlenargs int: length of the arguments without the blanks between
proc.exeline text: argv[0] and arguments
proc.env text [key?]: environment at exec, joined by blanks; with a name, that variable's value
proc.aenv text [key?]: environment of the ancestors; with a name, that variable's value
proc.cwd text: working directory, with a slash at its end
proc.loginshellid int: pid of the oldest shell (a name that ends in sh) of the process and its ancestors
proc.tty int: controlling terminal, 0 for none
proc.pid int: process id
proc.ppid int: parent's process id
proc.apid int list [index?]: process id of an ancestor; without an index, of any
proc.vpid int: process id in its own namespace
proc.pvpid int: parent's process id in its own namespace
proc.sid int: session id
proc.sname text: name of the session's leader
proc.sid.exe text: argv[0] of the session's leader
proc.sid.exepath text: path of the session leader's executable
proc.vpgid int: process group id
proc.pgid int: process group id
proc.vpgid.name text: name of the group's leader
proc.vpgid.exe text: argv[0] of the group's leader
proc.vpgid.exepath text: path of the group leader's executable
proc.pgid.name text: name of the group's leader
proc.pgid.exe text: argv[0] of the group's leader
proc.pgid.exepath text: path of the group leader's executable
proc.duration int: ns since the process was cloned; nothing when that was not seen
proc.ppid.duration int: the same of the parent
proc.pid.ts int: when the process was cloned, ns since the epoch
proc.ppid.ts int: when the parent was cloned
proc.is_exe_writable bool: whether the process's user may write its executable
proc.is_exe_upper_layer bool: whether the executable lies in the writable layer of the container
proc.is_exe_lower_layer bool: whether the executable lies in a layer of the image
proc.is_exe_from_memfd bool: whether the executable is an anonymous file
proc.is_sid_leader bool: whether the process leads its session
proc.is_vpgid_leader bool: whether the process leads its group
proc.is_pgid_leader bool: whether the process leads its group
proc.exe_ino int: inode of the executable
proc.exe_ino.ctime int: when the executable's inode was last changed, ns since the epoch
proc.exe_ino.mtime int: when the executable's content was last changed
proc.exe_ino.ctime_duration_proc_start int: ns from the executable's change to the process's start
proc.exe_ino.ctime_duration_pidns_start int: ns from the namespace's start to the executable's change, where that is later
proc.pidns_init_start_ts int: when the first process of the namespace started
thread.cap_permitted text: permitted capabilities, joined by blanks
thread.cap_inheritable text: inheritable capabilities
thread.cap_effective text: effective capabilities
proc.fdlimit int: limit of open descriptors
-proc.fdopencount int: number of open descriptors
-proc.fdusage int: open descriptors by limit, in percent
-proc.vmsize int: virtual memory in kB
-proc.vmrss int: resident memory in kB
-proc.vmswap int: swapped memory in kB
proc.nchilds int: number of threads beside the first
proc.nthreads int: number of threads
-proc.cpu int: processor time in percent
proc.stdin.type text: type of descriptor 0
proc.stdin.name text: name of descriptor 0
proc.stdout.type text: type of descriptor 1
proc.stdout.name text: name of descriptor 1
proc.stderr.type text: type of descriptor 2
proc.stderr.name text: name of descriptor 2
-proc.is_container_healthcheck bool: whether the process is a health check of its container
-proc.is_container_liveness_probe bool: whether the process is a liveness probe
-proc.is_container_readiness_probe bool: whether the process is a readiness probe
thread.tid int: thread id
thread.ismain bool: whether the thread is its process's first
thread.vtid int: thread id in its own namespace; of another thread than the first where the namespace is the agent's
thread.nametid text: name and thread id, one behind the other
thread.cgroups text: path of the control group
-thread.cgroup text [key]: path of one control group
-thread.exectime int: ns the thread last ran
-thread.totexectime int: ns the thread ran in all
-thread.pfmajor int: major page faults
-thread.pfminor int: minor page faults
-thread.cpu int: processor time in percent
-thread.cpu.user int: processor time in user mode
-thread.cpu.system int: processor time in the kernel
-thread.vmsize int: virtual memory in kB
-thread.vmsize.b int: virtual memory in B
-thread.vmrss int: resident memory in kB
-thread.vmrss.b int: resident memory in B
fd.num int: number of the descriptor, -1 for an open that failed
fd.type text: kind of descriptor: file, directory, ipv4, ipv6, unix, pipe, event, signalfd, eventpoll, inotify, timerfd, memfd
fd.typechar text: the same as one character: f d 4 6 u p e s l i t m
fd.name text: path, or addresses of a socket
fd.nameraw text: path as the program gave it
fd.directory text: directory of a file's path
fd.filename text: last part of a file's path
fd.realpath text: path by the kernel after the open
fd.ip ip list: client or server address
fd.cip ip: client address
fd.sip ip: server address
fd.lip ip: local address
fd.rip ip: remote address
fd.port port list: client or server port
fd.cport port: client port
fd.sport port: server port
fd.lport port: local port
fd.rport port: remote port
fd.l4proto text: tcp, udp, icmp or raw
fd.sockfamily text: ip or unix
fd.is_server bool: whether the process is the server of the connection
fd.uid text: thread id and descriptor number, one behind the other
fd.containername text: id of the container (nothing outside), a colon and fd.name
fd.containerdirectory text: id of the container (nothing outside), a colon and fd.directory
fd.proto port list: the same as fd.port
fd.cproto text: client port as digits
fd.sproto text: server port as digits
fd.lproto text: local port as digits
fd.rproto text: remote port as digits
fd.net net list: client or server network
fd.cnet net: client network
fd.snet net: server network
fd.lnet net: local network
fd.rnet net: remote network
fd.connected bool: whether the socket is connected
fd.name_changed bool: whether this event changed the descriptor's name
-fd.cip.name text: name of the client address, by DNS
-fd.sip.name text: name of the server address, by DNS
-fd.lip.name text: name of the local address, by DNS
-fd.rip.name text: name of the remote address, by DNS
fd.dev int: device of the file
fd.dev.major int: major number of the device
fd.dev.minor int: minor number of the device
fd.ino int: inode of the file
-fd.is_upper_layer bool: whether the file lies in the writable layer of the container
-fd.is_lower_layer bool: whether the file lies in a layer of the image
-fd.types text list [index?]: kinds of all descriptors of the event
fs.path.name text: path that the call works on
fs.path.nameraw text: the same as the program gave it
fs.path.source text: path that the call takes from
fs.path.sourceraw text: the same as the program gave it
fs.path.target text: path that the call makes
fs.path.targetraw text: the same as the program gave it
-fdlist.nums text: descriptors that a poll waits for, as one text
-fdlist.names text: their names
-fdlist.cips text: their clients' addresses
-fdlist.sips text: their servers' addresses
-fdlist.cports text: their clients' ports
-fdlist.sports text: their servers' ports
-util.cnt int: a number that is one more each time it is asked for
user.uid int: effective user id
user.name text: name of the effective user
user.homedir text: home directory of the effective user
user.shell text: shell of the effective user
user.loginuid int: audit login user id, -1 for none
user.loginname text: name of the login user
group.gid int: effective group id
group.name text: name of the effective group
container.id text: short id of the container, or host
container.full_id text: whole id of the container, or host
container.name text: name of the container
container.image text: image of the container
container.image.id text: id of the image
container.image.repository text: repository of the image
container.image.tag text: tag of the image
container.image.digest text: digest of the image
container.type text: kind of container engine
container.privileged bool: whether the container is privileged
-container.mounts text: all mounts of the container
-container.mount text [key]: one mount, by number or destination
-container.mount.source text [key]: source of a mount
-container.mount.dest text [key]: destination of a mount
-container.mount.mode text [key]: mode of a mount
-container.mount.rdwr text [key]: whether a mount is writable
-container.mount.propagation text [key]: propagation of a mount
-container.healthcheck text: health check of the container
-container.liveness_probe text: liveness probe of the container
-container.readiness_probe text: readiness probe of the container
container.start_ts int: when the first process of the pid namespace started, in a container or not
container.duration int: ns since container.start_ts
container.ip text: first address of the container
-container.cni.json text: what the network plugin said
container.label text [key]: one label of the container
container.labels text: all labels of the container, as name:value, other:value
-container.host_pid bool: whether the container shares the host's processes
-container.host_network bool: whether the container shares the host's network
-container.host_ipc bool: whether the container shares the host's IPC
-container.user text: user that the container runs as
dns.question.name text: name that the call asks a name server at port 53 for, such as api.example.com, if all of it was kept
dns.question.type text: type of that question, such as AAAA; its number where it has no name
vedette.integrity text: inline where the process may record its everyday calls itself, stops where each of its calls stops, so that the event is the kernel's word
vedette.integrity.reason text: why each call of the process stops: NOT_OF_IMAGE, MAPS_FOREIGN_CODE, CAME_FROM_OUTSIDE, CAUGHT, TIGHTENED, DEBUGGED, UNFIT, NO_INLINE_TIER
-k8s.ns.name text: namespace of the pod
-k8s.pod.name text: name of the pod
-k8s.pod.id text: id of the pod
-k8s.pod.uid text: unique id of the pod
-k8s.pod.sandbox_id text: short id of the pod's sandbox
-k8s.pod.full_sandbox_id text: whole id of the pod's sandbox
-k8s.pod.label text [key]: one label of the pod
-k8s.pod.labels text: all labels of the pod
-k8s.pod.ip text: address of the pod
-k8s.pod.cni.json text: what the pod's network plugin said
-k8s.rc.name text: replication controller (deprecated)
-k8s.rc.id text: its id (deprecated)
-k8s.rc.label text [key]: one of its labels (deprecated)
-k8s.rc.labels text: all its labels (deprecated)
-k8s.svc.name text: service (deprecated)
-k8s.svc.id text: its id (deprecated)
-k8s.svc.label text [key]: one of its labels (deprecated)
-k8s.svc.labels text: all its labels (deprecated)
-k8s.ns.id text: id of the namespace (deprecated)
-k8s.ns.label text [key]: one of its labels (deprecated)
-k8s.ns.labels text: all its labels (deprecated)
-k8s.rs.name text: replica set (deprecated)
-k8s.rs.id text: its id (deprecated)
-k8s.rs.label text [key]: one of its labels (deprecated)
-k8s.rs.labels text: all its labels (deprecated)
-k8s.deployment.name text: deployment (deprecated)
-k8s.deployment.id text: its id (deprecated)
-k8s.deployment.label text [key]: one of its labels (deprecated)
-k8s.deployment.labels text: all its labels (deprecated)
`;
