/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a campaign may still use: its own caps, the price of machine time
 * (compute_usd_per_hour), and the group it shares a budget with.
 */

#include "loop/session.h"

/* Join the group, and tell it what the journal says was used. Caps are in force. */
int purse_open(struct session *s, struct sbx_err *err);

/**
 * purse_ask() - may the next proposal be asked for, or the run in hand start?
 * @call_nano:  the worst case of the call that comes first
 * @reason:     of at least 300 bytes, where a cap forbids
 *
 * Sets .run_us: how long the run may take. In a group the worst case is claimed until
 * purse_settle().
 *
 * Return: 1; 0 where a cap forbids; negative errno
 */
int purse_ask(struct session *s, uint64_t call_nano, char *reason, size_t size,
	      struct sbx_err *err);

/* What is in the journal is what was used. */
int purse_settle(struct session *s, struct sbx_err *err);

/* The price of the active time since it was last asked for: it goes into the journal with
 * the event at hand. */
uint64_t purse_book(struct session *s);

/* Active time so far and its price as events. Return: how many, 1 or 2 */
size_t purse_events(struct session *s, struct journal_event ev[static 2]);
