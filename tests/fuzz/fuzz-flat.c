/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The journal's quick reader of JSON against jansson: it takes every object of the kind it
 * is made for, and reads the same in it.
 */

#include "base/json.h"
#include "base/parse.h"
#include "fuzz.h"
#include "ledger/flat.h"

static bool is_scalar(const json_t *v)
{
	return !json_is_object(v) && !json_is_array(v);
}

/* What flat.h says it reads, blanks aside. */
static bool is_flat(json_t *j)
{
	size_t values = 0, i;
	json_t *v, *item;
	const char *key;

	json_object_foreach(j, key, v) {
		values += 1 + json_array_size(v);
		if (json_is_object(v))
			return false;
		json_array_foreach(v, i, item)
			if (!is_scalar(item))
				return false;
	}
	return values && values <= FLAT_MAX;
}

static void check_scalar(const struct flat_value *f, const json_t *v)
{
	double number;

	if (json_is_string(v)) {
		HOLDS(f->type == FLAT_STRING && streq(f->text, json_string_value(v)));
	} else if (json_is_number(v)) {
		HOLDS(f->type == FLAT_NUMBER && parse_finite(f->text, &number) == 0);
		HOLDS(number == json_number_value(v));
	} else {
		HOLDS(f->type == FLAT_WORD);
		HOLDS(streq(f->text, json_is_null(v)   ? "null"
				     : json_is_true(v) ? "true"
						       : "false"));
	}
}

static void compare(const struct flat *flat, json_t *j)
{
	const struct flat_value *f;
	const char *key;
	json_t *v;

	json_object_foreach(j, key, v) {
		f = flat_get(flat, key);
		HOLDS(f);
		if (is_scalar(v)) {
			check_scalar(f, v);
			continue;
		}
		HOLDS(f->type == FLAT_LIST && f->n == json_array_size(v));
		for (size_t i = 0; i < f->n; i++) {
			HOLDS(!f[1 + i].key);
			check_scalar(&f[1 + i], json_array_get(v, i));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_json json_t *j = NULL;
	cleanup_free char *line = NULL;
	struct flat flat = { 0 };
	int r;

	/* As it came: anything goes but beyond the line's end. */
	r = flat_parse(&flat, (const char *)data, size);
	HOLDS(r == 0 || r == -EBADMSG);
	HOLDS(flat.n <= FLAT_MAX);
	for (unsigned i = 0; r == 0 && i < flat.n; i++)
		HOLDS(flat.values[i].type == FLAT_LIST ||
		      (flat.values[i].text >= flat.text &&
		       flat.values[i].text < flat.text + flat.size));

	/* As the journal writes it. */
	if (json_parse((const char *)data, size, "line", &j, NULL) == 0 &&
	    json_is_object(j) && is_flat(j)) {
		line = json_text(j);
		HOLDS(line);
		HOLDS(flat_parse(&flat, line, strlen(line)) == 0);
		compare(&flat, j);
	}
	flat_done(&flat);
	return 0;
}
