/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What does the system call filter answer? "name errno" a line.
 *
 *	denied names   every call that is refused by its name, with arguments that are all ones
 *	denied rules   calls that are refused for some arguments, and their harmless variants
 *
 * Outside a box the first mode gives up root first: the calls must not do anything there.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT(x)   #x
/* The number as text, or "SYS_name" itself where these headers do not know it. */
#define NUMBER(x) TEXT(x)
#define CALL(name)                        \
	{                                 \
#name, NUMBER(SYS_##name) \
	}

static const struct {
	const char *name, *number;
} calls[] = {
	CALL(chroot),
	CALL(fsconfig),
	CALL(fsmount),
	CALL(fsopen),
	CALL(fspick),
	CALL(mount),
	CALL(mount_setattr),
	CALL(move_mount),
	CALL(open_tree),
	CALL(open_tree_attr),
	CALL(pivot_root),
	CALL(setns),
	CALL(umount),
	CALL(umount2),
	CALL(unshare),
	CALL(listmount),
	CALL(statmount),
	CALL(listns),
	CALL(name_to_handle_at),
	CALL(open_by_handle_at),
	CALL(lookup_dcookie),
	CALL(kcmp),
	CALL(migrate_pages),
	CALL(move_pages),
	CALL(pidfd_getfd),
	CALL(process_madvise),
	CALL(process_vm_writev),
	CALL(ptrace),
	CALL(add_key),
	CALL(bpf),
	CALL(fanotify_init),
	CALL(fanotify_mark),
	CALL(io_uring_enter),
	CALL(io_uring_register),
	CALL(io_uring_setup),
	CALL(keyctl),
	CALL(modify_ldt),
	CALL(perf_event_open),
	CALL(request_key),
	CALL(userfaultfd),
	CALL(vmsplice),
	CALL(lsm_set_self_attr),
	CALL(acct),
	CALL(adjtimex),
	CALL(bdflush),
	CALL(clock_adjtime),
	CALL(clock_adjtime64),
	CALL(clock_settime),
	CALL(clock_settime64),
	CALL(create_module),
	CALL(delete_module),
	CALL(file_getattr),
	CALL(file_setattr),
	CALL(finit_module),
	CALL(init_module),
	CALL(ioperm),
	CALL(iopl),
	CALL(kexec_file_load),
	CALL(kexec_load),
	CALL(nfsservctl),
	CALL(pciconfig_iobase),
	CALL(pciconfig_read),
	CALL(pciconfig_write),
	CALL(quotactl),
	CALL(quotactl_fd),
	CALL(reboot),
	CALL(sethostname),
	CALL(setdomainname),
	CALL(settimeofday),
	CALL(stime),
	CALL(swapoff),
	CALL(swapon),
	CALL(_sysctl),
	CALL(sysfs),
	CALL(syslog),
	CALL(uselib),
	CALL(ustat),
	CALL(vhangup),
	CALL(vm86),
	CALL(vm86old),
};

static void say(const char *name, long r)
{
	printf("%s %s\n", name, r < 0 ? strerrorname_np(errno) : "done");
}

static void try_names(void)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		char *end;
		long nr = strtol(calls[i].number, &end, 10);

		if (*end)
			printf("%s absent\n", calls[i].name);
		else
			say(calls[i].name, syscall(nr, -1L, -1L, -1L, -1L, -1L, -1L));
	}
}

/* A clone that works must not run on as a second copy of this program. */
static long try_clone(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return pid;
}

static void try_clones(void)
{
	say("clone_fork", try_clone(0));
	say("clone_newns", try_clone(CLONE_NEWNS));
	say("clone_newcgroup", try_clone(CLONE_NEWCGROUP));
	say("clone_newuts", try_clone(CLONE_NEWUTS));
	say("clone_newipc", try_clone(CLONE_NEWIPC));
	say("clone_newuser", try_clone(CLONE_NEWUSER));
	say("clone_newpid", try_clone(CLONE_NEWPID));
	say("clone_newnet", try_clone(CLONE_NEWNET));
	say("clone_user_and_net", try_clone(CLONE_NEWUSER | CLONE_NEWNET));
	say("clone3", syscall(SYS_clone3, NULL, 0));
	say("unknown", syscall(1234, 0));
}

static void try_socket(const char *name, long family, long type, long protocol)
{
	long fd = syscall(SYS_socket, family, type, protocol);

	say(name, fd);
	if (fd >= 0)
		close((int)fd);
}

static void try_sockets(void)
{
	long high = 1L << 32;

	try_socket("socket_unix", AF_UNIX, SOCK_STREAM, 0);
	try_socket("socket_inet", AF_INET, SOCK_STREAM, 0);
	try_socket("socket_inet6", AF_INET6, SOCK_DGRAM, 0);
	try_socket("socket_netlink_route", AF_NETLINK, SOCK_RAW, 0);
	try_socket("socket_netlink_audit", AF_NETLINK, SOCK_RAW, 9);
	try_socket("socket_netlink_netfilter", AF_NETLINK, SOCK_RAW, 12);
	try_socket("socket_packet", AF_PACKET, SOCK_RAW, 0);
	try_socket("socket_packet_high", AF_PACKET | high, SOCK_RAW, 0);
	try_socket("socket_ax25_high", 3 | high, SOCK_DGRAM, 0);
	try_socket("socket_netlink_high", AF_NETLINK | high, SOCK_RAW, 9);
	try_socket("socket_vsock", AF_VSOCK, SOCK_STREAM, 0);
	try_socket("socket_alg", AF_ALG, SOCK_SEQPACKET, 0);
	try_socket("socket_bluetooth", AF_BLUETOOTH, SOCK_RAW, 0);
	try_socket("socket_can", AF_CAN, SOCK_RAW, 1);
	try_socket("socket_key", AF_KEY, SOCK_RAW, 2);
	try_socket("socket_raw", AF_INET, SOCK_RAW, IPPROTO_ICMP);
	for (int family = 0; family < 64; family++) {
		char name[32];

		snprintf(name, sizeof(name), "family_%d", family);
		try_socket(name, family, SOCK_DGRAM, 0);
	}
}

static void try_ioctls(void)
{
	char c = 'x';
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);

	say("ptmx", fd);
	say("tiocsti", syscall(SYS_ioctl, fd, 0x5412L, &c));
	say("tiocsti_high", syscall(SYS_ioctl, fd, 0x5412L | 0xdeadL << 32, &c));
	say("tioclinux", syscall(SYS_ioctl, fd, 0x541cL, &c));
	say("tioclinux_high", syscall(SYS_ioctl, fd, 0x541cL | 1L << 32, &c));
	if (fd >= 0)
		close(fd);
}

static void try_limits(void)
{
	const int huge = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_HUGETLB;
	struct rlimit core = { 1, 1 }, files = { 64, 4096 };
	cpu_set_t all;

	say("setrlimit_core", syscall(SYS_setrlimit, RLIMIT_CORE, &core));
	say("setrlimit_core_high", syscall(SYS_setrlimit, RLIMIT_CORE | 1L << 32, &core));
	say("prlimit_core", prlimit(0, RLIMIT_CORE, &core, NULL));
	say("prlimit_core_read", prlimit(0, RLIMIT_CORE, NULL, &core));
	say("setrlimit_nofile", setrlimit(RLIMIT_NOFILE, &files));
	say("prlimit_parent", prlimit(getppid(), RLIMIT_NOFILE, NULL, &core));
	sched_getaffinity(0, sizeof(all), &all);
	say("affinity_self", sched_setaffinity(0, sizeof(all), &all));
	say("affinity_parent", sched_setaffinity(getppid(), sizeof(all), &all));
	say("priority_self", setpriority(PRIO_PROCESS, 0, 5));
	say("priority_parent", setpriority(PRIO_PROCESS, (id_t)getppid(), 5));
	say("priority_user", setpriority(PRIO_USER, 0, 5));
	/* Not reserved, so that it works outside even where the pool is empty. */
	say("huge_map", mmap(NULL, 1 << 21, PROT_READ, huge, -1, 0) == MAP_FAILED ? -1 : 0);
	say("huge_memfd", memfd_create("huge", MFD_HUGETLB));
	say("huge_shm", shmget(IPC_PRIVATE, 1 << 21, SHM_HUGETLB | 0600));
	say("personality_read", personality(0xffffffff));
	say("personality_no_random", personality(ADDR_NO_RANDOMIZE));
	say("personality_zero_page", personality(MMAP_PAGE_ZERO));
	say("personality_exec", personality(READ_IMPLIES_EXEC));
	say("personality_high", personality(0x80000000UL | ADDR_NO_RANDOMIZE));
	say("personality_nearly_asked", personality(0xfffffffe));
}

/* What is masked may be opened, but must have nothing in it. */
static void try_read(const char *name, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	char byte;

	if (fd >= 0)
		printf("%s %s\n", name, read(fd, &byte, 1) == 0 ? "empty" : "readable");
	else
		say(name, fd);
}

static void try_devices(void)
{
	say("mknod_memory", mknod("/tmp/mem", S_IFCHR | 0600, makedev(1, 1)));
	say("mknod_null", mknod("/tmp/null", S_IFCHR | 0600, makedev(1, 3)));
	say("mknod_disk", mknod("/tmp/disk", S_IFBLK | 0600, makedev(8, 0)));
	say("mknod_fifo", mkfifo("/tmp/fifo", 0600));
	try_read("read_mem", "/dev/mem");
	try_read("read_kmsg", "/dev/kmsg");
	try_read("read_proc_kmsg", "/proc/kmsg");
	try_read("read_kcore", "/proc/kcore");
	try_read("read_kallsyms", "/proc/kallsyms");
	try_read("read_keys", "/proc/keys");
	say("open_core_pattern", open("/proc/sys/kernel/core_pattern", O_WRONLY));
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "names")) {
		if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			return 1;
		try_names();
		return 0;
	}
	try_clones();
	try_sockets();
	try_ioctls();
	try_limits();
	try_devices();
	return 0;
}
