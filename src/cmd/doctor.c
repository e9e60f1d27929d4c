/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/doctor.h"
int cmd_doctor(int argc, char **argv)
{
	return argc + !argv;
}
