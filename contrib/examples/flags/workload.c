/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program whose compiler flags are searched.
 *
 * A mix that no single flag serves: gravity (square roots and divisions), a matrix
 * product and a blur (loops to vectorize and unroll), an LZ77 coder (branches, memory,
 * small functions), a sort (inlining), a table CRC (latency), and a compensated sum.
 * Everything is generated from fixed seeds, so the output is the same wherever the
 * program is translated faithfully; evaluate.py compares it with expected.txt. The
 * compensated sum is there on purpose: flags that let the compiler reorder floating point
 * remove the compensation, and the last line shows it.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODIES      24
#define STEPS       3000
#define MATRIX      320
#define IMAGE_W     512
#define IMAGE_H     384
#define BLUR_ROUNDS 40
#define TEXT_BYTES  (384 * 1024)
#define RECORDS     100000
#define SUM_TERMS   200000

static uint32_t random_next(uint32_t *state)
{
	uint32_t x = *state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	*state = x;
	return x;
}

static double random_unit(uint32_t *state)
{
	return (double)(random_next(state) >> 8) / 16777216.0;
}

static void *must_alloc(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (p == NULL) {
		fputs("workload: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

/* ---- checksum --------------------------------------------------------------------- */

static uint32_t crc_table[256];

static void crc_init(void)
{
	for (uint32_t n = 0; n < 256; n++) {
		uint32_t c = n;

		for (int bit = 0; bit < 8; bit++)
			c = (c & 1) ? 0xedb88320u ^ (c >> 1) : c >> 1;
		crc_table[n] = c;
	}
}

static uint32_t crc32_of(const uint8_t *data, size_t len)
{
	uint32_t c = 0xffffffffu;

	for (size_t i = 0; i < len; i++)
		c = crc_table[(c ^ data[i]) & 0xff] ^ (c >> 8);
	return c ^ 0xffffffffu;
}

/* ---- gravity ---------------------------------------------------------------------- */

struct bodies {
	double x[BODIES], y[BODIES], z[BODIES];
	double vx[BODIES], vy[BODIES], vz[BODIES];
	double mass[BODIES];
};

static void bodies_init(struct bodies *b)
{
	uint32_t seed = 20240229;

	for (int i = 0; i < BODIES; i++) {
		b->x[i] = 8.0 * random_unit(&seed) - 4.0;
		b->y[i] = 8.0 * random_unit(&seed) - 4.0;
		b->z[i] = 8.0 * random_unit(&seed) - 4.0;
		b->vx[i] = 0.2 * random_unit(&seed) - 0.1;
		b->vy[i] = 0.2 * random_unit(&seed) - 0.1;
		b->vz[i] = 0.2 * random_unit(&seed) - 0.1;
		b->mass[i] = 0.2 + random_unit(&seed);
	}
}

static double distance(double dx, double dy, double dz)
{
	return sqrt(dx * dx + dy * dy + dz * dz + 0.05);
}

static void bodies_step(struct bodies *b, double dt)
{
	for (int i = 0; i < BODIES; i++) {
		double ax = 0, ay = 0, az = 0;

		for (int j = 0; j < BODIES; j++) {
			double dx = b->x[j] - b->x[i];
			double dy = b->y[j] - b->y[i];
			double dz = b->z[j] - b->z[i];
			double d = distance(dx, dy, dz);
			double pull = b->mass[j] / (d * d * d);

			ax += dx * pull;
			ay += dy * pull;
			az += dz * pull;
		}
		b->vx[i] += dt * ax;
		b->vy[i] += dt * ay;
		b->vz[i] += dt * az;
	}
	for (int i = 0; i < BODIES; i++) {
		b->x[i] += dt * b->vx[i];
		b->y[i] += dt * b->vy[i];
		b->z[i] += dt * b->vz[i];
	}
}

static double bodies_energy(const struct bodies *b)
{
	double e = 0;

	for (int i = 0; i < BODIES; i++) {
		double v2 =
			b->vx[i] * b->vx[i] + b->vy[i] * b->vy[i] + b->vz[i] * b->vz[i];

		e += 0.5 * b->mass[i] * v2;
		for (int j = i + 1; j < BODIES; j++)
			e -= b->mass[i] * b->mass[j] /
			     distance(b->x[j] - b->x[i], b->y[j] - b->y[i],
				      b->z[j] - b->z[i]);
	}
	return e;
}

static void run_gravity(void)
{
	struct bodies b;

	bodies_init(&b);
	for (int s = 0; s < STEPS; s++)
		bodies_step(&b, 0.0005);
	printf("gravity_energy %.12g\n", bodies_energy(&b));
	printf("gravity_x0 %.12g\n", b.x[0]);
}

/* ---- matrix product --------------------------------------------------------------- */

static void matrix_multiply(const double *a, const double *b, double *c, int n)
{
	for (int i = 0; i < n; i++)
		for (int k = 0; k < n; k++) {
			double f = a[i * n + k];

			for (int j = 0; j < n; j++)
				c[i * n + j] += f * b[k * n + j];
		}
}

static void run_matrix(void)
{
	size_t cells = (size_t)MATRIX * MATRIX;
	double *a = must_alloc(cells * sizeof(*a));
	double *b = must_alloc(cells * sizeof(*b));
	double *c = must_alloc(cells * sizeof(*c));
	double *d = must_alloc(cells * sizeof(*d));
	uint32_t seed = 77;
	double trace = 0;

	for (size_t i = 0; i < cells; i++) {
		a[i] = random_unit(&seed) - 0.5;
		b[i] = random_unit(&seed) - 0.5;
	}
	matrix_multiply(a, b, c, MATRIX);
	matrix_multiply(c, a, d, MATRIX);
	for (int i = 0; i < MATRIX; i++)
		trace += d[i * MATRIX + i];
	printf("matrix_trace %.12g\n", trace);
	printf("matrix_corner %.12g\n", d[cells - 1]);
	free(a);
	free(b);
	free(c);
	free(d);
}

/* ---- picture ---------------------------------------------------------------------- */

static void blur(const uint8_t *from, uint8_t *to)
{
	for (int y = 1; y < IMAGE_H - 1; y++)
		for (int x = 1; x < IMAGE_W - 1; x++) {
			const uint8_t *p = from + y * IMAGE_W + x;
			int sum = p[-IMAGE_W - 1] + 2 * p[-IMAGE_W] + p[-IMAGE_W + 1] +
				  2 * p[-1] + 4 * p[0] + 2 * p[1] + p[IMAGE_W - 1] +
				  2 * p[IMAGE_W] + p[IMAGE_W + 1];

			to[y * IMAGE_W + x] = (uint8_t)((sum + 8) / 16);
		}
}

static unsigned count_edges(const uint8_t *img)
{
	unsigned edges = 0;

	for (int i = 0; i < IMAGE_W * IMAGE_H - IMAGE_W - 1; i++) {
		int right = abs(img[i] - img[i + 1]);
		int down = abs(img[i] - img[i + IMAGE_W]);

		if (right + down > 14)
			edges++;
	}
	return edges;
}

static void run_picture(void)
{
	uint8_t *a = must_alloc(IMAGE_W * IMAGE_H);
	uint8_t *b = must_alloc(IMAGE_W * IMAGE_H);
	uint32_t seed = 4242;
	unsigned edges = 0;

	for (int i = 0; i < IMAGE_W * IMAGE_H; i++)
		a[i] = (uint8_t)(random_next(&seed) >> 24);
	for (int round = 0; round < BLUR_ROUNDS; round++) {
		blur(a, b);
		edges += count_edges(b);
		blur(b, a);
		edges += count_edges(a);
	}
	printf("picture_edges %u\n", edges);
	printf("picture_crc %08x\n", crc32_of(a, IMAGE_W * IMAGE_H));
	free(a);
	free(b);
}

/* ---- LZ77 coder ------------------------------------------------------------------- */

#define LZ_HASH_BITS 14
#define LZ_MIN_MATCH 4
#define LZ_MAX_MATCH 131
#define LZ_WINDOW    65535
#define LZ_CHAIN     12

static uint32_t lz_hash(const uint8_t *p)
{
	uint32_t v = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		     (uint32_t)p[3] << 24;

	return (v * 2654435761u) >> (32 - LZ_HASH_BITS);
}

static size_t lz_match_length(const uint8_t *a, const uint8_t *b, size_t max)
{
	size_t n = 0;

	while (n < max && a[n] == b[n])
		n++;
	return n;
}

struct lz {
	int32_t head[1 << LZ_HASH_BITS];
	int32_t *prev;
};

/* Longest earlier occurrence of what stands at `pos`; 0 when there is none worth a match.
 */
static size_t lz_find(const struct lz *z, const uint8_t *in, size_t len, size_t pos,
		      size_t *ret_from)
{
	size_t max = len - pos < LZ_MAX_MATCH ? len - pos : LZ_MAX_MATCH;
	size_t best = LZ_MIN_MATCH - 1;
	int32_t from = z->head[lz_hash(in + pos)];

	for (int depth = 0; from >= 0 && depth < LZ_CHAIN; depth++) {
		size_t n;

		if (pos - (size_t)from > LZ_WINDOW)
			break;
		n = lz_match_length(in + from, in + pos, max);
		if (n > best) {
			best = n;
			*ret_from = (size_t)from;
		}
		from = z->prev[from];
	}
	return best >= LZ_MIN_MATCH ? best : 0;
}

static void lz_insert(struct lz *z, const uint8_t *in, size_t pos)
{
	uint32_t h = lz_hash(in + pos);

	z->prev[pos] = z->head[h];
	z->head[h] = (int32_t)pos;
}

/* A byte below 128 announces that many literals + 1, one above it a match and its
 * distance. */
static size_t lz_pack(const uint8_t *in, size_t len, uint8_t *out)
{
	struct lz *z = must_alloc(sizeof(*z));
	size_t pos = 0, o = 0, start = 0;

	z->prev = must_alloc(len * sizeof(*z->prev));
	memset(z->head, 0xff, sizeof(z->head));
	while (pos < len) {
		size_t from = 0;
		size_t n =
			pos + LZ_MIN_MATCH <= len ? lz_find(z, in, len, pos, &from) : 0;
		size_t step = n > 0 ? n : 1;

		if (n > 0 || pos - start == 128) {
			if (pos > start) {
				out[o++] = (uint8_t)(pos - start - 1);
				memcpy(out + o, in + start, pos - start);
				o += pos - start;
			}
			start = pos;
		}
		if (n > 0) {
			out[o++] = (uint8_t)(128 + n - LZ_MIN_MATCH);
			out[o++] = (uint8_t)((pos - from) & 0xff);
			out[o++] = (uint8_t)((pos - from) >> 8);
			start = pos + n;
		}
		for (size_t i = 0; i < step && pos + i + LZ_MIN_MATCH <= len; i++)
			lz_insert(z, in, pos + i);
		pos += step;
	}
	if (pos > start) {
		out[o++] = (uint8_t)(pos - start - 1);
		memcpy(out + o, in + start, pos - start);
		o += pos - start;
	}
	free(z->prev);
	free(z);
	return o;
}

static size_t lz_unpack(const uint8_t *in, size_t len, uint8_t *out)
{
	size_t i = 0, o = 0;

	while (i < len) {
		size_t n = in[i++];

		if (n < 128) {
			memcpy(out + o, in + i, n + 1);
			o += n + 1;
			i += n + 1;
		} else {
			size_t back = (size_t)in[i] | (size_t)in[i + 1] << 8;

			i += 2;
			for (n = n - 128 + LZ_MIN_MATCH; n > 0; n--, o++)
				out[o] = out[o - back];
		}
	}
	return o;
}

static void make_text(uint8_t *text, size_t len)
{
	static const char *const words[] = {
		"the ",   "of ",      "candidate ", "and ",    "measured ", "kernel ",
		"a ",     "in ",      "limit ",     "memory ", "to ",       "commit ",
		"is ",    "sandbox ", "number ",    "keep ",   "revert ",   "that ",
		"night ", "morning ", "harness ",   "by ",     "proof ",    "\n",
	};
	uint32_t seed = 31337;
	size_t n = 0;

	while (n < len) {
		uint32_t r = random_next(&seed);
		const char *w = words[(r >> 8) % (sizeof(words) / sizeof(words[0]))];

		while (*w != '\0' && n < len)
			text[n++] = (uint8_t)*w++;
		if ((r & 15) == 0 && n < len)
			text[n++] = (uint8_t)('0' + (r >> 28) % 10);
	}
}

static void run_coder(void)
{
	uint8_t *text = must_alloc(TEXT_BYTES);
	uint8_t *packed = must_alloc(2 * TEXT_BYTES);
	uint8_t *again = must_alloc(TEXT_BYTES);
	size_t packed_len, again_len;

	make_text(text, TEXT_BYTES);
	packed_len = lz_pack(text, TEXT_BYTES, packed);
	again_len = lz_unpack(packed, packed_len, again);
	printf("coder_bytes %zu\n", packed_len);
	printf("coder_crc %08x\n", crc32_of(packed, packed_len));
	printf("coder_round_trip %d\n",
	       again_len == TEXT_BYTES && memcmp(text, again, TEXT_BYTES) == 0);
	free(text);
	free(packed);
	free(again);
}

/* ---- sort ------------------------------------------------------------------------- */

struct record {
	uint32_t key;
	uint32_t weight;
};

static int record_before(const struct record *a, const struct record *b)
{
	return a->key != b->key ? a->key < b->key : a->weight < b->weight;
}

static void record_swap(struct record *a, struct record *b)
{
	struct record t = *a;

	*a = *b;
	*b = t;
}

static void sort_records(struct record *r, long lo, long hi)
{
	while (lo < hi) {
		struct record pivot = r[lo + (hi - lo) / 2];
		long i = lo, j = hi;

		while (i <= j) {
			while (record_before(&r[i], &pivot))
				i++;
			while (record_before(&pivot, &r[j]))
				j--;
			if (i <= j)
				record_swap(&r[i++], &r[j--]);
		}
		if (j - lo < hi - i) {
			sort_records(r, lo, j);
			lo = i;
		} else {
			sort_records(r, i, hi);
			hi = j;
		}
	}
}

static void run_sort(void)
{
	struct record *r = must_alloc(RECORDS * sizeof(*r));
	uint32_t seed = 99991;
	uint64_t mixed = 0;

	for (int i = 0; i < RECORDS; i++) {
		r[i].key = random_next(&seed) >> 14;
		r[i].weight = random_next(&seed);
	}
	sort_records(r, 0, RECORDS - 1);
	for (int i = 0; i < RECORDS; i++)
		mixed = mixed * 1099511628211u + (r[i].key ^ r[i].weight);
	printf("sort_mix %016llx\n", (unsigned long long)mixed);
	free(r);
}

/* ---- compensated sum -------------------------------------------------------------- */

/* Kahan's sum of tiny terms onto a huge one: without the compensation every term is lost.
 */
static void run_sum(void)
{
	uint32_t seed = 5;
	double sum = 1e16, lost = 0;

	for (int i = 0; i < SUM_TERMS; i++) {
		double term = random_unit(&seed) - lost;
		double next = sum + term;

		lost = (next - sum) - term;
		sum = next;
	}
	printf("sum_gained %.12g\n", (sum - 1e16) - lost);
}

int main(void)
{
	crc_init();
	run_gravity();
	run_matrix();
	run_picture();
	run_coder();
	run_sort();
	run_sum();
	return 0;
}
