/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The small files of a campaign, each filled with the input: who holds the lock, the caps
 * in force, the record of a run, the end of its output. None is believed more than it
 * deserves.
 */

#include "base/json.h"
#include "conf/config.h"
#include "fuzz.h"
#include "ledger/lock.h"
#include "loop/pin.h"
#include "loop/rundir.h"

#define TAIL_MAX 64

/* The lock is held by another open file of this process, as by another process. */
static void check_lock(const uint8_t *data, size_t size)
{
	cleanup_close int held = -EBADF;
	struct lock_holder h = { 0 };
	struct sbx_err err = { 0 };
	int r, other;

	HOLDS(lock_take(fuzz_dir(), "tag", &held, NULL) == 0);
	HOLDS(ftruncate(held, 0) == 0);
	HOLDS(write(held, data, size) == (ssize_t)size);
	r = lock_peek(fuzz_dir(), &h, NULL);
	HOLDS(r == 1 || (r == -EFBIG && size > 4096));
	HOLDS(h.pid >= 0 && memchr(h.host, '\0', sizeof(h.host)));
	HOLDS(memchr(h.since, '\0', sizeof(h.since)) && !strchr(h.since, '\n'));
	r = lock_take(fuzz_dir(), "tag", &other, &err);
	HOLDS(r == -EBUSY);
	fuzz_check_err(r, &err);
}

static void check_caps(const uint8_t *data, size_t size)
{
	struct config c = { .caps = { 1, 2, 3 } }, again = { 0 };
	struct sbx_err err = { 0 };
	int r;

	fuzz_put("caps.json", data, size);
	r = pin_read_caps(fuzz_dir(), &c, &err);
	if (r < 0) {
		fuzz_check_err(r, &err);
		return;
	}
	HOLDS(pin_write_caps(fuzz_dir(), &c, NULL) == 0);
	HOLDS(pin_read_caps(fuzz_dir(), &again, NULL) == 0);
	HOLDS(memcmp(c.caps, again.caps, sizeof(c.caps)) == 0);
}

/* What an earlier process left beside the new decision. */
static void check_run_json(const uint8_t *data, size_t size)
{
	const struct decision decision = { .reason = "better" };
	const struct row row = { .commit = "", .description = "", .decision = &decision };
	const struct config c = { .n_metrics = 1 };
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_json json_t *j = NULL;

	fuzz_put("run.json", data, size);
	HOLDS(rundir_write(fuzz_dir(), &c, &row, NULL, NULL) == 0);
	HOLDS(fuzz_get("run.json", &text));
	HOLDS(json_parse(text.data, text.len, "run.json", &j, NULL) == 0);
	HOLDS(json_is_object(json_object_get(j, "trial")));
	HOLDS(json_integer_value(json_object_get(j, "schema")) == 1);
}

static void check_tail(const uint8_t *data, size_t size)
{
	cleanup_buf struct buf tail = BUF_INIT;
	const char *whole = (const char *)data;
	size_t at;

	fuzz_put("output.log", data, size);
	HOLDS(rundir_tail(fuzz_dir(), TAIL_MAX, &tail) == 0);
	HOLDS(tail.len <= MIN(size, (size_t)TAIL_MAX));
	at = size - tail.len;
	HOLDS(memcmp(buf_str(&tail), whole + at, tail.len) == 0);
	HOLDS(at == 0 || whole[at - 1] == '\n' || tail.len == TAIL_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t none[1];

	data = data ? data : none;
	check_lock(data, size);
	check_caps(data, size);
	check_run_json(data, size);
	check_tail(data, size);
	return 0;
}
