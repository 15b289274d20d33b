// SPDX-License-Identifier: Apache-2.0
// The names that Falco's event table has: of events and of their parameters, whether events of ours have them
// or not. A rule or an output may ask for each; what our events do not have is never there. One list for
// conditions and outputs, so that what loads can also be filled in.
import { EVENTS, type EventType } from "../../build/generated/events.js";

const list = (text: string): string[] => text.trim().split(/\s+/);

/** Parameters of events, ours and Falco's. */
export const PARAMETER_NAMES: ReadonlySet<string> = new Set([
  ...EVENTS.flatMap((event) => event.params.map((param) => param.name)),
  ...list(`
ACT act addr addrlen arg arg2_int arg2_str args argument argv at_flags aux backlog base buf cap_effective cap_inheritable
cap_permitted cgroups clockid cmd comm container_id core cpu cpu_sys cpu_usr cq_entries creat_flags cur cwd data desc dev dir
dirfd domain dpid dqb_bhardlimit dqb_bsoftlimit dqb_btime dqb_curspace dqb_ihardlimit dqb_isoftlimit dqb_itime dqi_bgrace
dqi_flags dqi_igrace egid env error euid event_data event_type exe exe_ino exe_ino_ctime exe_ino_mtime exe_ino_num exepath fd
fd1 fd2 fd_type fdin fdlimit fdout fds features file filename flags gid groups home how ID id image in_fd ino ino_num interval
ip json key len length level linkdirfd linkpath listenfd local_ip local_port loginuid mask max maxevents mnt_id mode mountfd msg
msgcontrol name nativeID newcur newdir newdirfd newmax next nsems nsops nstype offin offout offset old_flags oldcur olddir
olddirfd oldfd oldmax oldpath op operation option optlen optname out_fd path pathname peer pgft_maj pgft_min pgid pgoffset pid
pidfd pidns_init_start_ts plugin_id pos ppid proto ptid queuelen queuemax queuepct quota_fmt quota_fmt_out quotafilepath ratio
remote_ip remote_port res_or_fd resource ret rgid root ruid scope sem_flg_0 sem_flg_1 sem_num_0 sem_num_1 sem_op_0 sem_op_1
semflg semid semnum sgid shell sid sig sigmask size sk sk_pointer sk_proto sk_type source spid sq_entries sq_thread_cpu
sq_thread_idle start_time status suid sun_path tags target tgid tid timeout trusted_exepath tty tuple type uargs uid
value_bytebuf value_charbuf vm_rss vm_size vm_swap vpid vtgid vtid whence which
`),
]);

/** The events of the capture set. */
export const EVENTS_BY_NAME: ReadonlyMap<string, EventType> = new Map(EVENTS.map((event) => [event.name, event]));

/** Every system call of Linux, as the kernel or Falco spells it, and Falco's own events. */
export const EVENT_NAMES: ReadonlySet<string> = new Set(
  list(`
_llseek _newselect _sysctl accept accept4 access acct add_key adjtimex afs_syscall alarm arch_prctl arm_fadvise64_64 asyncevent
bdflush bind bpf brk cachestat capget capset chdir chmod chown chroot clock_adjtime clock_getres clock_gettime clock_gettime64
clock_nanosleep clock_settime clone clone3 close close_range connect container copy_file_range cpu_hotplug creat create_module
delete_module drop dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate
fanotify_init fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fcntl64 fdatasync fgetxattr file_getattr
file_setattr finit_module flistxattr flock fork fremovexattr fsconfig fsetxattr fsmount fsopen fspick fstat fstat64 fstatat64
fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_wait futex_waitv futex_wake futimesat get_kernel_syms
get_mempolicy get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer
getpeername getpgid getpgrp getpid getpmsg getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid
getsockname getsockopt gettid gettimeofday getuid getxattr getxattrat groupadded groupdeleted infra init_module
inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit
io_uring_enter io_uring_register io_uring_setup ioctl ioperm iopl ioprio_get ioprio_set ipc k8s kcmp kexec_file_load kexec_load
keyctl kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat listen listmount
listns listxattr listxattrat llistxattr llseek lookup_dcookie lremovexattr lseek lsetxattr lsm_get_self_attr lsm_list_modules
lsm_set_self_attr lstat lstat64 madvise map_shadow_stack mbind membarrier memfd_create memfd_secret mesos migrate_pages mincore
mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 modify_ldt mount mount_setattr move_mount move_pages mprotect
mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock
munlockall munmap name_to_handle_at nanosleep newfstatat nfsservctl nice notification oldfstat oldlstat oldolduname oldstat
olduname open open_by_handle_at open_tree open_tree_attr openat openat2 page_fault pause perf_event_open personality pidfd_getfd
pidfd_open pidfd_send_signal pipe pipe2 pivot_root pkey_alloc pkey_free pkey_mprotect pluginevent poll ppoll prctl pread pread64
preadv preadv2 prlimit prlimit64 process_madvise process_mrelease process_vm_readv process_vm_writev procexit procinfo pselect6
ptrace putpmsg pwrite pwrite64 pwritev pwritev2 query_module quotactl quotactl_fd read readahead readdir readlink readlinkat
readv reboot recv recvfrom recvmmsg recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 request_key
restart_syscall riscv_flush_icache riscv_hwprobe rmdir rseq rseq_slice_yield rt_sigaction rt_sigpending rt_sigprocmask
rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo rtas scapevent sched_get_priority_max
sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity
sched_setattr sched_setparam sched_setscheduler sched_yield seccomp security select semctl semget semop semtimedop send sendfile
sendfile64 sendmmsg sendmsg sendto set_mempolicy set_mempolicy_home_node set_robust_list set_thread_area set_tid_address
setdomainname setfsgid setfsuid setgid setgid32 setgroups sethostname setitimer setns setpgid setpriority setregid setresgid
setresgid32 setresuid setresuid32 setreuid setrlimit setsid setsockopt settimeofday setuid setuid32 setxattr setxattrat sgetmask
shmat shmctl shmdt shmget shutdown sigaction sigaltstack signal signaldeliver signalfd signalfd4 sigpending sigprocmask
sigreturn sigsuspend socket socketcall socketpair splice spu_create spu_run ssetmask stat stat64 statfs statfs64 statmount statx
stime subpage_prot swapoff swapon switch switch_endian symlink symlinkat sync sync_file_range sync_file_range2 syncfs syscall
sysfs sysinfo syslog task task_file_anon_inode task_file_directory task_file_memfd task_file_pipe task_file_regular
task_file_socket_inet task_file_socket_inet6 task_file_socket_unix tee tgkill time timer_create timer_delete timer_getoverrun
timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill tracer truncate truncate64 tuxcall
ugetrlimit umask umount umount2 uname unlink unlinkat unshare uprobe uretprobe uselib useradded userdeleted userfaultfd ustat
utime utimensat utimes vfork vhangup vmsplice vserver wait4 waitid waitpid write writev
`),
);
