/* SPDX-License-Identifier: Apache-2.0 */

/*
 * System calls that reach large or dangerous parts of the kernel. The arguments are good ones:
 * a call that is let through does its work here, and that is what counts as reached.
 */
#include "attack.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- namespaces ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned long flag;
} kinds[] = { { "user", CLONE_NEWUSER },     { "mount", CLONE_NEWNS },
	      { "pid", CLONE_NEWPID },       { "net", CLONE_NEWNET },
	      { "ipc", CLONE_NEWIPC },       { "uts", CLONE_NEWUTS },
	      { "cgroup", CLONE_NEWCGROUP }, { "time", CLONE_NEWTIME } };

static void by_unshare(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		tried(kinds[i].name, unshare((int)kinds[i].flag));
		if (syscall(SYS_unshare, (1UL << 32) | kinds[i].flag) == 0)
			won("%s with high bits", kinds[i].name);
		if (kinds[i].flag != CLONE_NEWUSER &&
		    unshare((int)kinds[i].flag | CLONE_NEWUSER) == 0)
			won("%s with a user namespace", kinds[i].name);
	}
}

static void clone_with(const char *name, unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	tried(name, pid);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
}

static void by_clone(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds) - 1; i++) {
		clone_with(kinds[i].name, kinds[i].flag);
		clone_with("with user", kinds[i].flag | CLONE_NEWUSER);
	}
}

static void by_clone3(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct clone_args a = { .flags = kinds[i].flag, .exit_signal = SIGCHLD };
		long pid = syscall(SYS_clone3, &a, sizeof(a));

		if (pid == 0)
			_exit(0);
		tried(kinds[i].name, pid);
		if (pid > 0)
			waitpid((pid_t)pid, NULL, 0);
	}
}

static void nested_user(void)
{
	int fd;

	if (unshare(CLONE_NEWUSER) < 0) {
		note("unshare %s", strerrorname_np(errno));
		fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
		tried("raise the number allowed", fd < 0 ? -1 : write(fd, "9", 1));
		return;
	}
	won("a user namespace");
	if (unshare(CLONE_NEWNS) == 0)
		won("mounts in it");
	if (syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL) == 0)
		won("mounted");
}

static void id_maps(void)
{
	static const char *const files[] = { "/proc/self/uid_map", "/proc/self/gid_map",
					     "/proc/1/uid_map" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = open(files[i], O_WRONLY | O_CLOEXEC);

		tried(files[i], fd < 0 ? fd : write(fd, "0 0 1\n", 6));
	}
}

/* --- big parts of the kernel ------------------------------------------------------------------ */

static void io_uring(void)
{
	struct io_uring_params p = { 0 };

	tried("setup", syscall(SYS_io_uring_setup, 4, &p));
	tried("register", syscall(SYS_io_uring_register, 0, 0, NULL, 0));
	tried("enter", syscall(SYS_io_uring_enter, 0, 0, 0, 0, NULL, 0));
}

/* Sockets made by the ring pass no filter of system calls. */
static void io_uring_socket(void)
{
	struct io_uring_params p = { 0 };
	long fd = syscall(SYS_io_uring_setup, 4, &p);
	struct io_uring_sqe *sqe;
	char *ring;

	if (fd < 0) {
		note("io_uring_setup %s", strerrorname_np(errno));
		return;
	}
	ring = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, (int)fd, 0);
	sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_POPULATE, (int)fd, 0x10000000);
	if (ring == MAP_FAILED || (void *)sqe == MAP_FAILED)
		return;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = 45;
	sqe->fd = 16;
	sqe->off = 3;
	*(unsigned *)(ring + p.sq_off.tail) += 1;
	if (syscall(SYS_io_uring_enter, fd, 1, 1, 1, NULL, 0) >= 0)
		won("a request for a socket ran in the ring");
}

static void ebpf(void)
{
	union bpf_attr map = { .map_type = BPF_MAP_TYPE_ARRAY,
			       .key_size = 4,
			       .value_size = 8,
			       .max_entries = 1 };
	struct bpf_insn code[] = { { .code = 0xb7 }, { .code = 0x95 } };
	union bpf_attr program = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
				   .insn_cnt = 2,
				   .insns = (uint64_t)(uintptr_t)code,
				   .license = (uint64_t)(uintptr_t) "GPL" };

	tried("map", syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)));
	tried("program", syscall(SYS_bpf, BPF_PROG_LOAD, &program, sizeof(program)));
}

static void perf(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE,
				     .size = sizeof(a),
				     .config = PERF_COUNT_SW_CPU_CLOCK,
				     .exclude_kernel = 1,
				     .exclude_hv = 1 };

	tried("own counter", syscall(SYS_perf_event_open, &a, 0, -1, -1, 0));
	tried("of process 1", syscall(SYS_perf_event_open, &a, 1, -1, -1, 0));
	a.exclude_kernel = 0;
	tried("of a CPU", syscall(SYS_perf_event_open, &a, -1, 0, -1, 0));
}

static void userfault(void)
{
	tried("userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC));
	tried("user mode only", syscall(SYS_userfaultfd, O_CLOEXEC | 1));
	tried("/dev/userfaultfd", open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
}

static void keys(void)
{
	tried("add_key", syscall(SYS_add_key, "user", given("mark"), "x", 1, -2));
	tried("request_key", syscall(SYS_request_key, "user", given("mark"), NULL, 0));
	tried("keyctl", syscall(SYS_keyctl, 0, -2, 1));
	tried("new session", syscall(SYS_keyctl, 1, given("mark")));
}

static void modules(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	tried("init_module", syscall(SYS_init_module, "x", 1, ""));
	tried("finit_module", syscall(SYS_finit_module, fd, "", 0));
	tried("delete_module", syscall(SYS_delete_module, "nosuchmodule", 0));
	tried("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0));
	tried("kexec_file_load", syscall(SYS_kexec_file_load, fd, fd, 1, "", 0));
}

static void machine(void)
{
	tried("swapon", swapon("/tmp/nothing", 0));
	tried("swapoff", swapoff("/nothing"));
	tried("acct", acct("/tmp/acct"));
	tried("sethostname", sethostname("attack", 6));
	tried("setdomainname", setdomainname("attack", 6));
	tried("iopl", iopl(3));
	tried("ioperm", ioperm(0x80, 1, 1));
	tried("quotactl", quotactl(QCMD(Q_SYNC, USRQUOTA), "/dev/vda", 0, NULL));
	tried("syslog read", klogctl(3, (char[64]){ 0 }, 64));
	tried("syslog size", klogctl(10, NULL, 0));
	/* No more than what the keyboard may do. */
	tried("reboot", syscall(SYS_reboot, 0xfee1dead, 672274793, 0x89abcdef, NULL));
}

static void descriptor_tables(void)
{
	struct {
		unsigned entry, base, limit, flags;
	} ldt = { 0, 0, 0xfffff, 0x51 };

	tried("modify_ldt", syscall(SYS_modify_ldt, 1, &ldt, sizeof(ldt)));
	tried("read it", syscall(SYS_modify_ldt, 0, &ldt, sizeof(ldt)));
}

static void page_tricks(void)
{
	int p[2];
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	struct iovec v = { page, 4096 };
	int status;
	int node = 0;
	void *pages[1] = { page };

	if (pipe(p) < 0)
		return;
	page[0] = 1;
	tried("vmsplice", vmsplice(p[1], &v, 1, 0));
	tried("move_pages", syscall(SYS_move_pages, 0, 1, pages, &node, &status, 2));
	tried("fanotify", syscall(SYS_fanotify_init, 0x200, 0));
	tried("lookup_dcookie", syscall(SYS_lookup_dcookie, 1L, page, 4096));
	tried("uselib", syscall(SYS_uselib, "/nothing"));
	tried("ustat", syscall(SYS_ustat, 0, page));
	tried("sysfs", syscall(SYS_sysfs, 3));
}

static void personas(void)
{
	static const unsigned long flags[] = { ADDR_NO_RANDOMIZE, MMAP_PAGE_ZERO,
					       READ_IMPLIES_EXEC, ADDR_COMPAT_LAYOUT };
	char name[32];

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		snprintf(name, sizeof(name), "persona %lx", flags[i]);
		tried(name, personality(flags[i]));
		/* Asking is 0xffffffff: the top bit alone must not open the rest. */
		if (personality(flags[i] | 0x80000000UL) >= 0 &&
		    (unsigned long)personality(0xffffffff) & flags[i])
			won("%s with the top bit", name);
		if (syscall(SYS_personality, (1UL << 32) | flags[i]) >= 0 &&
		    (unsigned long)personality(0xffffffff) & flags[i])
			won("%s with high bits", name);
	}
}

/* --- foreign ways to call ---------------------------------------------------------------------- */

static void int80(void)
{
	long r = -ENOSYS;

	/* getpid of the 32-bit table. */
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(20L)
			 : "memory", "r8", "r9", "r10", "r11");
	if (r > 0)
		won("the 32-bit table answered %ld", r);
	else
		note("answer %ld", r);
}

static void x32(void)
{
	tried("getpid", syscall(0x40000000L | SYS_getpid));
}

static void x32_ioctl(void)
{
	tried("ioctl", syscall(0x40000000L | 514, 0, 0x5412, "x"));
}

static void unknown_numbers(void)
{
	unsigned known = 0;

	for (long nr = 470; nr < 1100; nr++)
		if (syscall(nr, -1L, -1L, -1L, -1L, -1L, -1L) >= 0 || errno != ENOSYS)
			known++;
	if (known)
		won("%u numbers above 470 are answered", known);
}

static void last_numbers(void)
{
	tried("0xffffffff", syscall(0xffffffffL));
	tried("-1", syscall(-1L));
	tried("0x7fffffff", syscall(0x7fffffffL));
}

static void sysenter(void)
{
	/* The 32-bit fast call from 64-bit code. */
	__asm__ volatile("sysenter" ::"a"(20L) : "memory", "rcx", "rdx", "r11");
	won("came back");
}

/* --- undoing the filter -------------------------------------------------------------------------- */

static void stack_filter(void)
{
	struct sock_filter all[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { 1, all };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		note("seccomp %s", strerrorname_np(errno));
	tried("unshare afterwards", unshare(CLONE_NEWUSER));
	tried("mount afterwards",
	      (long)syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
	tried("strict mode off", prctl(PR_SET_SECCOMP, 0));
	if (prctl(PR_GET_SECCOMP) == 0)
		note("no filter at all");
}

/* A listener of one's own would let a helper answer for the kernel. */
static void own_listener(void)
{
	struct sock_filter ask[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, ask };
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			  SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	struct seccomp_notif request = { 0 };
	struct seccomp_notif_resp response = { .flags =
						       SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	pid_t pid;
	int status = 0;

	if (fd < 0) {
		note("listener %s", strerrorname_np(errno));
		return;
	}
	pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) == 0 ? 7 : 0);
	/* Where an outer filter denies, its answer is the stricter one and nobody asks. */
	for (int i = 0; i < 100 && waitpid(pid, &status, WNOHANG) == 0; i++) {
		struct {
			int fd;
			short events, got;
		} p = { (int)fd, 1, 0 };

		if (syscall(SYS_poll, &p, 1, 10) > 0 && p.got & 1 &&
		    ioctl((int)fd, SECCOMP_IOCTL_NOTIF_RECV, &request) == 0) {
			response.id = request.id;
			ioctl((int)fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
		}
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 7)
		won("unshare continued");
	else
		note("status %x", status);
}

static void lift_landlock(void)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = (1 << 13) - 1 };
	long fd = syscall(SYS_landlock_create_ruleset, &attr, 8, 0);
	struct landlock_path_beneath_attr rule = {
		.allowed_access = attr.handled_access_fs,
		.parent_fd = open("/", O_PATH | O_CLOEXEC),
	};

	if (fd < 0) {
		note("landlock %s", strerrorname_np(errno));
		return;
	}
	syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	note("restrict %ld", syscall(SYS_landlock_restrict_self, fd, 0));
	tried("write afterwards",
	      open("/etc/attack", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	tried("write beside", open("/usr/attack", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void process_controls(void)
{
	struct prctl_mm_map map = { 0 };

	tried("keep capabilities", prctl(PR_SET_SECUREBITS, 1 << 4));
	tried("memory map", prctl(PR_SET_MM, PR_SET_MM_START_BRK, 0x1000, 0, 0));
	prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0);
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_PDEATHSIG, 0);
	prctl(PR_SET_PTRACER, 1, 0, 0, 0);
	tried("no_new_privs off", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	tried("bounding set",
	      prctl(PR_CAPBSET_READ, 21) == 1 &&
			      prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0) == 0
		      ? 0
		      : -1);
	note("harmless ones done");
}

/* Whoever counts denied calls must not be kept from its timers by it. */
static void denied_flood(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			break;
	for (;;)
		syscall(SYS_keyctl, 0, -2, 1);
}

const struct attack kernel_attacks[] = {
	{ "I63a", "io_uring", NULL, NULL, io_uring },
	{ "I63b", "a socket made by io_uring", NULL, NULL, io_uring_socket },
	{ "I63c", "eBPF", NULL, NULL, ebpf },
	{ "I63d", "performance counters", NULL, NULL, perf },
	{ "I63e", "userfaultfd", NULL, NULL, userfault },
	{ "I63f", "keyrings", NULL, NULL, keys },
	{ "I63g", "kernel modules and kexec", NULL, "dangerous", modules },
	{ "I63h", "swap, accounting, host name, ports, log, reboot", NULL, "dangerous",
	  machine },
	{ "I63i", "modify_ldt", NULL, NULL, descriptor_tables },
	{ "I63j", "vmsplice, move_pages, fanotify and obsolete calls", NULL, NULL,
	  page_tricks },
	{ "I63k", "weaker address spaces by personality", NULL, NULL, personas },
	{ "I63l", "lift Landlock by a wider ruleset", NULL, NULL, lift_landlock },
	{ "I64a", "new namespaces by unshare", NULL, NULL, by_unshare },
	{ "I64b", "new namespaces by clone", NULL, NULL, by_clone },
	{ "I64c", "new namespaces by clone3", NULL, NULL, by_clone3 },
	{ "I64d", "a user namespace in the box, and mounts in it", NULL, NULL,
	  nested_user },
	{ "I64e", "write id maps", NULL, NULL, id_maps },
	{ "I65a", "the 32-bit table by int 0x80", "violation|signal:11", NULL, int80 },
	{ "I65b", "the x32 table", "violation|held", NULL, x32 },
	{ "I65c", "ioctl of the x32 table", "violation|held", NULL, x32_ioctl },
	{ "I65d", "numbers of calls that this kernel does not know", NULL, NULL,
	  unknown_numbers },
	{ "I65f", "the last numbers there are", "violation|held", NULL, last_numbers },
	{ "I65e", "sysenter", "violation|signal:11|signal:4|held", NULL, sysenter },
	{ "I66a", "a filter that allows everything on top", NULL, NULL, stack_filter },
	{ "I66b", "answer for the kernel by a listener of one's own", NULL, NULL,
	  own_listener },
	{ "I66c", "prctl: dumpable, parent-death signal, memory map", NULL, NULL,
	  process_controls },
	{ "FLOOD", "denied calls without end, from four processes", "timeout",
	  "needs:wall wall=1s", denied_flood },
	{ 0 },
};
