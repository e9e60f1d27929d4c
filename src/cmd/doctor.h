/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `autoexp doctor`: try each primitive on this host and say what holds, and how to get more. */
int cmd_doctor(int argc, char **argv);
