/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What happens, told as it happens, to whoever shows it. Everything is borrowed for the
 * call; descriptions and output are untrusted and still raw.
 */

#include "base/buf.h"
#include "ledger/results.h"
#include "loop/stop.h"

struct session;

struct loop_observer {
	/* A sentence for the user: a warning, or what was repaired. */
	void (*note)(void *user, const char *text);
	/* The campaign is open; what follows costs time and money. */
	void (*begin)(void *user, const struct session *s);
	/* The experiment in hand, .ledger.campaign.pending, goes into a box. */
	void (*run)(void *user, const struct session *s);
	void (*progress)(void *user, const struct session *s, uint64_t wall_us,
			 uint64_t memory_bytes);
	/* The wish to stop has become stronger. */
	void (*wish)(void *user, enum stop_wish wish);
	/* An experiment is over. */
	void (*row)(void *user, const struct session *s, const struct row *row);
	/* The baseline cannot be measured: the end of its output. */
	void (*baseline_output)(void *user, const char *tail, size_t n);
	void *user;
};
