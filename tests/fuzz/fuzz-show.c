/* SPDX-License-Identifier: Apache-2.0 */

/* The record of a run that `autoexp show` finds, whoever wrote it: one line for a terminal. */

#include "base/json.h"
#include "fuzz.h"
#include "ui/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_buf struct buf line = BUF_INIT;
	cleanup_json json_t *record = NULL;
	struct sbx_err err = { 0 };
	int r = json_parse(size ? (const char *)data : "", size, "run.json", &record,
			   &err);

	if (r < 0) {
		fuzz_check_err(r, &err);
		return 0;
	}
	report_enforcement(&line, record);
	HOLDS(!line.failed);
	HOLDS(fuzz_is_line(buf_str(&line)) && strlen(buf_str(&line)) == line.len);
	return 0;
}
