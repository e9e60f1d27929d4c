/* SPDX-License-Identifier: Apache-2.0 */
#include "syscalls.h"

#include <errno.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/macro.h"

/*
 * Left out on purpose, and so ENOSYS: clone3 (its flags lie behind a pointer that a filter
 * cannot read; libc falls back to clone, whose flags can be checked), memfd_secret, and the
 * obsolete calls that current kernels do not implement.
 */
const char *const syscalls_allowed[] = {
	/* files and directories */
	"access", "chdir", "chmod", "chown", "chown32", "close", "close_range", "copy_file_range",
	"creat", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fadvise64_64",
	"fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32", "fchownat",
	"fcntl", "fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr",
	"fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate",
	"ftruncate64", "futimesat", "getcwd", "getdents", "getdents64", "getxattr", "ioctl",
	"lchown", "lchown32", "lgetxattr", "link", "linkat", "listxattr", "llistxattr",
	"lremovexattr", "lseek", "_llseek", "lsetxattr", "lstat", "lstat64", "mkdir", "mkdirat",
	"mknod", "mknodat", "newfstatat", "open", "openat", "openat2", "pread64", "preadv",
	"preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink",
	"readlinkat", "readv", "removexattr", "rename", "renameat", "renameat2", "rmdir",
	"sendfile", "sendfile64", "setxattr", "splice", "stat", "stat64", "statfs", "statfs64",
	"statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "tee", "truncate",
	"truncate64", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimensat_time64",
	"utimes", "write", "writev", "cachestat",
	/* memory */
	"brk", "get_mempolicy", "madvise", "map_shadow_stack", "mbind", "membarrier",
	"memfd_create", "mincore", "mlock", "mlock2", "mlockall", "mmap", "mmap2", "mprotect",
	"mremap", "mseal", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free",
	"pkey_mprotect", "process_vm_readv", "remap_file_pages", "set_mempolicy",
	"set_mempolicy_home_node",
	/* processes, threads, signals */
	"alarm", "arch_prctl", "capget", "capset", "clone", "execve", "execveat", "exit",
	"exit_group", "fork", "futex", "futex_requeue", "futex_time64", "futex_wait",
	"futex_waitv", "futex_wake", "get_robust_list", "get_thread_area", "getcpu", "getegid",
	"getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32",
	"getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresgid32",
	"getresuid", "getresuid32", "getrlimit", "getrusage", "getsid", "gettid", "getuid",
	"getuid32", "ioprio_get", "ioprio_set", "kill", "landlock_add_rule",
	"landlock_create_ruleset", "landlock_restrict_self", "pause", "personality", "pidfd_open",
	"pidfd_send_signal", "prctl", "prlimit64", "process_mrelease", "restart_syscall",
	"rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
	"rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64",
	"rt_tgsigqueueinfo", "sched_get_priority_max", "sched_get_priority_min",
	"sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
	"sched_rr_get_interval", "sched_rr_get_interval_time64", "sched_setaffinity",
	"sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp",
	"set_robust_list", "set_thread_area", "set_tid_address", "setfsgid", "setfsgid32",
	"setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setpgid",
	"setpriority", "setregid", "setregid32", "setresgid", "setresgid32", "setresuid",
	"setresuid32", "setreuid", "setreuid32", "setrlimit", "setsid", "setuid", "setuid32",
	"sigaction", "sigaltstack", "signal", "sigpending", "sigprocmask", "sigreturn",
	"sigsuspend", "tgkill", "tkill", "ugetrlimit", "vfork", "wait4", "waitid", "waitpid",
	"riscv_flush_icache", "riscv_hwprobe", "cacheflush", "set_tls", "get_tls",
	/* time */
	"clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64",
	"clock_nanosleep", "clock_nanosleep_time64", "getitimer", "gettimeofday", "nanosleep",
	"setitimer", "time", "timer_create", "timer_delete", "timer_getoverrun",
	"timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64",
	"timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
	"timerfd_settime64", "times",
	/* waiting, sockets, ipc */
	"accept", "accept4", "bind", "connect", "epoll_create", "epoll_create1", "epoll_ctl",
	"epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd",
	"eventfd2", "getpeername", "getsockname", "getsockopt", "inotify_add_watch",
	"inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel", "io_destroy",
	"io_getevents", "io_pgetevents", "io_setup", "io_submit", "ipc", "listen",
	"mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink",
	"msgctl", "msgget", "msgrcv", "msgsnd", "_newselect", "pipe", "pipe2", "poll", "ppoll",
	"ppoll_time64", "pselect6", "pselect6_time64", "recv", "recvfrom", "recvmmsg",
	"recvmmsg_time64", "recvmsg", "select", "semctl", "semget", "semop", "semtimedop",
	"semtimedop_time64", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shmat",
	"shmctl", "shmdt", "shmget", "shutdown", "signalfd", "signalfd4", "socket", "socketcall",
	"socketpair",
	/* the system */
	"getrandom", "sysinfo", "uname",
	NULL,
};

const char *const syscalls_denied[] = {
	/* other namespaces, mounts and roots: the box itself */
	"chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr",
	"move_mount", "open_tree", "open_tree_attr", "pivot_root", "setns", "umount", "umount2",
	"unshare", "listmount", "statmount", "listns",
	/* files by handle leave any mount namespace (the "shocker" escape) */
	"name_to_handle_at", "open_by_handle_at", "lookup_dcookie",
	/* other processes */
	"kcmp", "migrate_pages", "move_pages", "pidfd_getfd", "process_madvise",
	"process_vm_writev", "ptrace",
	/* large kernel surfaces with a history of holes that no harness needs */
	"add_key", "bpf", "fanotify_init", "fanotify_mark", "io_uring_enter",
	"io_uring_register", "io_uring_setup", "keyctl", "modify_ldt", "perf_event_open",
	"request_key", "userfaultfd", "vmsplice", "lsm_set_self_attr",
	/* the machine */
	"acct", "adjtimex", "bdflush", "clock_adjtime", "clock_adjtime64", "clock_settime",
	"clock_settime64", "create_module", "delete_module", "file_getattr", "file_setattr",
	"finit_module", "init_module", "ioperm", "iopl", "kexec_file_load", "kexec_load",
	"nfsservctl", "pciconfig_iobase", "pciconfig_read", "pciconfig_write", "quotactl",
	"quotactl_fd", "reboot", "sethostname", "setdomainname", "settimeofday", "stime",
	"swapoff", "swapon", "_sysctl", "sysfs", "syslog", "uselib", "ustat", "vhangup", "vm86",
	"vm86old",
	NULL,
};

#define NAMESPACE(flag) { "clone", EPERM, { { ARG_MASKED, 0, flag, flag } } }
#define NO_FAMILY(n) { "socket", EAFNOSUPPORT, { { ARG_EQ, 0, n, 0 } } }
#define OWN_ONLY(call, arg) { call, EPERM, { { ARG_NE, arg, 0, 0 } } }
/* The kernel reads 32 bits of these arguments: compare no more, or high bits slip past. */
#define LOW32(i, v) { ARG_MASKED, i, v, 0xffffffff }

#define PERSONA(bit) \
	{ "personality", EPERM, { { ARG_MASKED, 0, bit, (bit) | 0x80000000 } } }

const struct syscall_rule syscall_rules[] = {
	NAMESPACE(CLONE_NEWNS),
	NAMESPACE(CLONE_NEWCGROUP),
	NAMESPACE(CLONE_NEWUTS),
	NAMESPACE(CLONE_NEWIPC),
	NAMESPACE(CLONE_NEWUSER),
	NAMESPACE(CLONE_NEWPID),
	NAMESPACE(CLONE_NEWNET),

	/* Typing into somebody else's terminal: TIOCSTI, TIOCLINUX (CVE-2017-5226, -2019-10063). */
	{ "ioctl", EPERM, { LOW32(1, 0x5412) } },
	{ "ioctl", EPERM, { LOW32(1, 0x541c) } },

	/* Families left: unix, inet, inet6, and of netlink the routing one (getifaddrs). */
	NO_FAMILY(0), NO_FAMILY(3), NO_FAMILY(4), NO_FAMILY(5), NO_FAMILY(6), NO_FAMILY(7),
	NO_FAMILY(8), NO_FAMILY(9), NO_FAMILY(11), NO_FAMILY(12), NO_FAMILY(13),
	NO_FAMILY(14), NO_FAMILY(15),
	{ "socket", EAFNOSUPPORT, { { ARG_GT, 0, AF_NETLINK, 0 } } },
	{ "socket", EAFNOSUPPORT, { { ARG_EQ, 0, AF_NETLINK, 0 }, { ARG_NE, 2, 0, 0 } } },
	{ "socketpair", EAFNOSUPPORT, { { ARG_NE, 0, AF_UNIX, 0 } } },

	/* A core limit of 1 keeps core_pattern's helper from running as host root. */
	{ "setrlimit", EPERM, { LOW32(0, RLIMIT_CORE) } },
	{ "prlimit64", EPERM, { LOW32(1, RLIMIT_CORE), { ARG_NE, 2, 0, 0 } } },

	/* Limits and scheduling of oneself only: process 1 must not be starved or ended. */
	OWN_ONLY("prlimit64", 0),
	OWN_ONLY("sched_setaffinity", 0),
	OWN_ONLY("sched_setattr", 0),
	OWN_ONLY("sched_setparam", 0),
	OWN_ONLY("sched_setscheduler", 0),
	OWN_ONLY("setpriority", 1),
	{ "setpriority", EPERM, { LOW32(0, PRIO_USER) } }, /* "mine" are all of the box */
	OWN_ONLY("ioprio_set", 1),
	/* "All of my user", with 0 for who, would include process 1. */
	{ "setpriority", EPERM, { LOW32(0, PRIO_USER) } },
	{ "ioprio_set", EPERM, { LOW32(0, 3) } },

	/* Weaker address spaces. Asking with -1 has the top bit set and passes. */
	PERSONA(ADDR_NO_RANDOMIZE),
	PERSONA(MMAP_PAGE_ZERO),
	PERSONA(READ_IMPLIES_EXEC),
	PERSONA(ADDR_COMPAT_LAYOUT),
};

const size_t n_syscall_rules = ARRAY_SIZE(syscall_rules);
