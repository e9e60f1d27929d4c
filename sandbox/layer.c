/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Each limit picks its layer by itself: cgroup v2 where it can, else, and only for who accepts
 * it, what stands in. Some stand-ins hold as well as the kernel's own (RLIMIT_NPROC of a user
 * namespace), some are looked after from outside (the watchdog), and for some there is none.
 */
#include "layer.h"

#include <sys/mman.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "base/kernel.h"
#include "cpuset.h"
#include "hold.h"
#include "limit.h"

struct chooser {
	const struct sbx_policy *policy;
	struct cgroup *cg;
	struct child_args *args;
	struct sbx_result *result;
	unsigned hold; /* set of enum hold */
};

/* Is RLIMIT_NPROC counted per user namespace (Linux 5.14), and so for this box alone? */
static bool nproc_is_private(const struct idmap *map)
{
	return map->root || kernel_version() >= KERNEL_VERSION_OF(5, 14);
}

static int use_affinity(struct chooser *c, unsigned cpus, struct sbx_err *err)
{
	int r = cpuset_choose(c->policy->cpuset, cpus, &c->args->affinity, err);

	c->args->has_affinity = r == 0;
	c->hold |= HOLD_AFFINITY;
	return r < 0 ? r : SBX_LAYER_AFFINITY;
}

static int soft_cpus(struct chooser *c, uint64_t milli, struct sbx_err *err)
{
	if (milli % 1000)
		return sbx_err_set(
			err, -EOPNOTSUPP, "limit",
			"cpus: a fraction of a CPU needs the cgroup v2 controller 'cpu', "
			"which is not available here; with --soft-limits use a whole "
			"number of CPUs");
	return use_affinity(c, (unsigned)(milli / 1000), err);
}

static int soft_pids(struct chooser *c, uint64_t value)
{
	if (!nproc_is_private(&c->args->map))
		return SBX_LAYER_WATCHDOG;
	c->args->nproc = value + 1;
	return SBX_LAYER_RLIMIT;
}

/* What accepting softness gets for each limit; the last words of a refusal. */
static const char *const soft_offers[_SBX_LIMIT_MAX] = {
	[SBX_LIMIT_MEMORY] = "--soft-limits accepts a watchdog",
	[SBX_LIMIT_PIDS] = "--soft-limits accepts a watchdog",
	[SBX_LIMIT_CPUS] = "--soft-limits accepts CPU affinity",
	[SBX_LIMIT_IO_READ] = "--soft-limits goes on without this limit",
	[SBX_LIMIT_IO_WRITE] = "--soft-limits goes on without this limit",
};

static int refuse(const struct chooser *c, enum cgroup_controller need, const char *name,
		  const char *value, const char *offer, struct sbx_err *err)
{
	const char *why_not = cgroup_why_not(c->cg, need);
	bool offered = strstr(why_not, "--soft-limits");

	return sbx_err_set(err, -EOPNOTSUPP, "limit",
			   "the %s limit of %s cannot be enforced on this host: %s%s%s",
			   name, value, why_not, offered ? "" : "; ",
			   offered ? "" : offer);
}

/* What stands in for cgroup v2. Return: enum sbx_layer, or negative errno */
static int soft_layer(struct chooser *c, enum sbx_limit limit, uint64_t value,
		      struct sbx_err *err)
{
	char text[32];

	if (!c->policy->soft)
		return refuse(c, cgroup_controller_of(limit), limit_table[limit].name,
			      limit_format(limit, value, text, sizeof(text)),
			      soft_offers[limit], err);
	if (limit == SBX_LIMIT_CPUS)
		return soft_cpus(c, value, err);
	if (limit == SBX_LIMIT_PIDS)
		return soft_pids(c, value);
	if (limit != SBX_LIMIT_MEMORY)
		return SBX_LAYER_NONE;
	c->hold |= HOLD_VISIBLE;
	c->args->shm_bytes = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->args->shm_bytes == MAP_FAILED) {
		c->args->shm_bytes = NULL;
		return sbx_err_oom(err, "limit");
	}
	return SBX_LAYER_WATCHDOG;
}

/*
 * Reads of these do not pass through a disk of this host, or not in the name of who reads, so
 * io.max does not see them. An overlay is believed to lie on disks.
 */
static bool is_beyond_disks(const char *path)
{
	static const long types[] = {
		NFS_SUPER_MAGIC,      SMB_SUPER_MAGIC, 0xff534d42 /* cifs */,
		SMB2_SUPER_MAGIC,     V9FS_MAGIC,      FUSE_SUPER_MAGIC,
		CEPH_SUPER_MAGIC,     AFS_SUPER_MAGIC, CODA_SUPER_MAGIC,
		0x2fc12fc1 /* zfs */,
	};
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if ((unsigned)fs.f_type == (unsigned)types[i])
			return true;
	return false;
}

/* As cgroup_limit(). */
static int hold(struct chooser *c, enum sbx_limit limit, uint64_t value,
		struct sbx_err *err)
{
	bool io = limit == SBX_LIMIT_IO_READ || limit == SBX_LIMIT_IO_WRITE;
	const struct plan *p = c->args->plan;

	for (size_t i = 0; io && i < p->n; i++) {
		const struct op *op = &p->ops[i];

		if (op->type != OP_BIND || !op->source || !is_beyond_disks(op->source))
			continue;
		snprintf(c->cg->why_not, sizeof(c->cg->why_not),
			 "%.200s lies on a network or user-space file system, whose "
			 "traffic no controller of cgroup v2 sees",
			 op->source);
		return 0;
	}
	return cgroup_limit(c->cg, limit, value, err);
}

/* Layers that do not depend on the host; the limits without one here want a cgroup. */
static const enum sbx_layer fixed_layers[_SBX_LIMIT_MAX] = {
	[SBX_LIMIT_WALL] = SBX_LAYER_SUPERVISOR,
	[SBX_LIMIT_CPU_TIME] = SBX_LAYER_SUPERVISOR,
	[SBX_LIMIT_SCRATCH] = SBX_LAYER_TMPFS,
	[SBX_LIMIT_INODES] = SBX_LAYER_TMPFS,
	[SBX_LIMIT_OUT] = SBX_LAYER_TMPFS,
	[SBX_LIMIT_FILE_SIZE] = SBX_LAYER_RLIMIT,
	[SBX_LIMIT_OUTPUT] = SBX_LAYER_SUPERVISOR,
};

static int choose(struct chooser *c, enum sbx_limit limit, struct sbx_err *err)
{
	struct limit_result *l = &c->result->limits[limit];
	int r;

	l->value = limit == SBX_LIMIT_INODES ? limit_inodes(c->policy->limits)
					     : c->policy->limits[limit];
	if (!l->value)
		return 0;
	l->layer = fixed_layers[limit];
	if (l->layer != SBX_LAYER_NONE)
		return 0;
	r = hold(c, limit, l->value, err);
	if (r > 0)
		l->layer = SBX_LAYER_CGROUP2;
	if (r != 0)
		return MIN(r, 0);
	r = soft_layer(c, limit, l->value, err);
	if (r < 0)
		return r;
	l->layer = (enum sbx_layer)r;
	c->result->soft = true;
	return 0;
}

/* A list of CPUs, and not a number: beside the table. */
static int choose_cpuset(struct chooser *c, struct sbx_err *err)
{
	struct sbx_result *res = c->result;
	const char *list = c->policy->cpuset;
	int r;

	if (!*list)
		return 0;
	memcpy(res->cpuset, list, sizeof(res->cpuset));
	r = cgroup_limit_cpuset(c->cg, list, err);
	if (r > 0) {
		/*
		 * On some kernels before Linux 6.3 who is cloned into a group keeps the
		 * CPUs of its parent until it asks for others. Nobody gets more than the
		 * group has by asking, so there is nothing to refuse later.
		 */
		res->cpuset_layer = SBX_LAYER_CGROUP2;
		if (!c->args->has_affinity)
			c->args->has_affinity =
				cpuset_read(list, &c->args->affinity) == 0;
	}
	if (r != 0)
		return MIN(r, 0);
	if (!c->policy->soft)
		return refuse(c, CGROUP_CPUSET, "cpuset", list,
			      soft_offers[SBX_LIMIT_CPUS], err);
	/* Where `cpus` is soft too, its choice is from this list already. */
	r = c->args->has_affinity ? SBX_LAYER_AFFINITY : use_affinity(c, 0, err);
	if (r < 0)
		return r;
	res->cpuset_layer = SBX_LAYER_AFFINITY;
	res->soft = true;
	return 0;
}

int layers_choose(const struct sbx_policy *policy, struct cgroup *cg,
		  struct child_args *args, struct sbx_result *result, struct sbx_err *err)
{
	struct chooser c = { .policy = policy, .cg = cg, .args = args, .result = result };
	int r = 0;

	/* Memory is written before the clone: the fork of process 1 is charged. */
	for (int i = 0; r == 0 && i < _SBX_LIMIT_MAX; i++)
		r = choose(&c, (enum sbx_limit)i, err);
	if (r == 0)
		r = choose_cpuset(&c, err);
	return r < 0 ? r : hold_add(c.hold, &args->filter, err);
}
