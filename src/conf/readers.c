/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/readers.h"

#define STAGE "config"

int conf_refuse(const struct yaml_node *n, const struct yaml_field *f,
		struct sbx_err *err)
{
	char found[YAML_FOUND_SIZE];

	return yaml_fail(n, err, "%s; accepted is %s",
			 yaml_found(n, found, sizeof(found)), f->accepts);
}

int conf_copy_text(const char *text, char **ret, struct sbx_err *err)
{
	*ret = strdup(text);
	return *ret ? 0 : sbx_err_oom(err, STAGE);
}

bool conf_is_word(const char *s, const char *more)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"_0123456789";

	if (!*s || strchr("0123456789", *s) || strlen(s) > CONFIG_NAME_MAX)
		return false;
	if (!strchr(allowed, *s))
		return false;
	for (; *s; s++)
		if (!strchr(allowed, *s) && !strchr(more, *s))
			return false;
	return true;
}

int conf_check_regex(const struct yaml_node *n, size_t *ret_groups, struct sbx_err *err)
{
	char why[120];
	regex_t re;
	int r;

	r = regcomp(&re, n->text, CONFIG_REGEX_FLAGS);
	if (r != 0) {
		regerror(r, &re, why, sizeof(why));
		return yaml_fail(n, err,
				 "'%.80s' is not a POSIX extended regular expression: %s",
				 n->text, why);
	}
	*ret_groups = re.re_nsub;
	regfree(&re);
	return 0;
}
