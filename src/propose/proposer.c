/* SPDX-License-Identifier: Apache-2.0 */
#include "propose/proposer.h"

#include "conf/config.h"
#include "propose/builtin.h"

int proposer_new(const struct config *c, struct proposer **ret, struct sbx_err *err)
{
	static int (*const makers[])(const struct config *, struct proposer **,
				     struct sbx_err *) = {
		[PROPOSER_BUILTIN] = builtin_new,
	};
	static_assert(ARRAY_SIZE(makers) == _PROPOSER_MAX, "a proposer has no maker");

	return makers[c->proposer.kind](c, ret, err);
}
