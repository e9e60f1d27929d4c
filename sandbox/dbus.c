/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A message is a header of 16 bytes, an array of (code, value) fields, padding to 8, and the
 * arguments. Numbers are in the sender's byte order, which the first byte names; on one host
 * that is ours. Everything is aligned to its own size, counted from the message's beginning;
 * the arguments begin aligned, so they can be laid out by themselves.
 */
#include "dbus.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/file.h"

#define ANSWER_S    25 /* as systemd's own programs: a manager may have much to do */
#define MESSAGE_MAX (1U << 20)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTE_ORDER_MARK 'l'
#else
#define BYTE_ORDER_MARK 'B'
#endif

enum { CALL = 1, RETURN = 2, ERROR = 3 };
enum {
	PATH = 1,
	INTERFACE,
	MEMBER,
	ERROR_NAME,
	REPLY_SERIAL,
	DESTINATION,
	SENDER,
	SIGNATURE
};

struct head {
	char order;
	uint8_t type, flags, version;
	uint32_t body_len, serial, fields_len;
};

void dbus_align(struct buf *b, size_t n)
{
	static const char zero[8];

	buf_add(b, zero, (n - b->len % n) % n);
}

void dbus_add_u32(struct buf *b, uint32_t value)
{
	dbus_align(b, 4);
	buf_add(b, &value, sizeof(value));
}

void dbus_add_string(struct buf *b, const char *s)
{
	dbus_add_u32(b, (uint32_t)strlen(s));
	buf_add(b, s, strlen(s) + 1);
}

void dbus_add_signature(struct buf *b, const char *s)
{
	uint8_t n = (uint8_t)strlen(s);

	buf_add(b, &n, 1);
	buf_add(b, s, (size_t)n + 1);
}

/* The length does not count the padding in front of the first element. */
size_t dbus_begin_array(struct buf *b, size_t align)
{
	size_t begin;

	dbus_add_u32(b, 0);
	begin = b->len;
	dbus_align(b, align);
	return begin;
}

void dbus_end_array(struct buf *b, size_t begin, size_t align)
{
	size_t first = begin + (align - begin % align) % align;
	uint32_t len;

	if (b->failed)
		return;
	len = (uint32_t)(b->len - first);
	memcpy(b->data + begin - sizeof(len), &len, sizeof(len));
}

static void add_field(struct buf *b, uint8_t code, const char *type, const char *value)
{
	dbus_align(b, 8);
	buf_add(b, &code, 1);
	dbus_add_signature(b, type);
	if (*type == 'g')
		dbus_add_signature(b, value);
	else
		dbus_add_string(b, value);
}

static int send_call(struct dbus *bus, const struct dbus_method *m,
		     const struct buf *args)
{
	cleanup_buf struct buf b = BUF_INIT;
	struct head h = { .order = BYTE_ORDER_MARK, .type = CALL, .version = 1 };

	h.body_len = args ? (uint32_t)args->len : 0;
	h.serial = ++bus->serial;
	buf_add(&b, &h, sizeof(h));
	add_field(&b, PATH, "o", m->path);
	add_field(&b, INTERFACE, "s", m->interface);
	add_field(&b, MEMBER, "s", m->member);
	add_field(&b, DESTINATION, "s", m->destination);
	if (*m->signature)
		add_field(&b, SIGNATURE, "g", m->signature);
	if (b.failed || (args && args->failed))
		return -ENOMEM;
	h.fields_len = (uint32_t)(b.len - sizeof(h));
	memcpy(b.data, &h, sizeof(h));
	dbus_align(&b, 8);
	if (args)
		buf_add(&b, args->data, args->len);
	if (b.failed)
		return -ENOMEM;
	return send(bus->fd, b.data, b.len, MSG_NOSIGNAL) == (ssize_t)b.len ? 0 : -EPIPE;
}

static int receive(int fd, void *to, size_t n)
{
	ssize_t got;

	do
		got = recv(fd, to, n, MSG_WAITALL);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return (size_t)got == n ? 0 : -EPIPE;
}

/* One message. @ret: the fields, padded, and the arguments behind them */
static int receive_message(int fd, struct head *h, struct buf *ret)
{
	size_t fields;
	int r;

	buf_clear(ret);
	r = receive(fd, h, sizeof(*h));
	if (r < 0)
		return r;
	if (h->order != BYTE_ORDER_MARK || h->fields_len > MESSAGE_MAX ||
	    h->body_len > MESSAGE_MAX)
		return -EBADMSG;
	fields = (h->fields_len + 7) & ~(size_t)7;
	for (size_t left = fields + h->body_len; r == 0 && left;) {
		char chunk[4096];
		size_t n = MIN(left, sizeof(chunk));

		r = receive(fd, chunk, n);
		if (r == 0)
			buf_add(ret, chunk, n);
		left -= n;
	}
	return r < 0 ? r : ret->failed ? -ENOMEM : 0;
}

/* A number at a place that has to be within the first @end bytes. */
static bool read_u32(const struct buf *b, size_t *at, size_t end, uint32_t *ret)
{
	*at = (*at + 3) & ~(size_t)3;
	if (end > b->len || *at + sizeof(*ret) > end)
		return false;
	memcpy(ret, b->data + *at, sizeof(*ret));
	*at += sizeof(*ret);
	return true;
}

/* Header fields are numbers, strings or signatures; the one number is what we look for. */
static uint32_t reply_serial(const struct head *h, const struct buf *b)
{
	size_t at = 0, end = h->fields_len;
	uint32_t n;

	while (at + 4 < end) {
		char code = b->data[at], type = b->data[at + 2];

		if (b->data[at + 1] != 1)
			return 0;
		at += 4;
		if (type == 'g') {
			at += (uint8_t)b->data[at] + 2U;
		} else if (!read_u32(b, &at, end, &n) || (type != 'u' && n > end)) {
			return 0;
		} else if (type == 'u') {
			if (code == REPLY_SERIAL)
				return n;
		} else {
			at += n + (size_t)1;
		}
		at = (at + 7) & ~(size_t)7;
	}
	return 0;
}

/* What a service says about an error: its first argument, which is a text by convention. */
static const char *error_text(const struct head *h, const struct buf *b)
{
	size_t at = (h->fields_len + 7) & ~(size_t)7;
	uint32_t n;

	if (!read_u32(b, &at, b->len, &n) || at + n >= b->len || b->data[at + n])
		return "no reason given";
	return b->data + at;
}

static int wait_reply(struct dbus *bus, struct sbx_err *err)
{
	const uint64_t end = now_us() + ANSWER_S * USEC_PER_SEC;
	cleanup_buf struct buf b = BUF_INIT;
	struct head h;
	int r;

	/* Signals come in between, which nobody here asked for. */
	do
		r = now_us() < end ? receive_message(bus->fd, &h, &b) : -ETIMEDOUT;
	while (r == 0 && ((h.type != RETURN && h.type != ERROR) ||
			  reply_serial(&h, &b) != bus->serial));
	if (r < 0)
		return sbx_err_errno(err, r, "dbus", "no answer");
	return h.type == RETURN
		       ? 0
		       : sbx_err_set(err, -EREMOTEIO, "dbus", "%s", error_text(&h, &b));
}

int dbus_call(struct dbus *bus, const struct dbus_method *method, const struct buf *args,
	      struct sbx_err *err)
{
	int r = send_call(bus, method, args);

	return r < 0 ? sbx_err_errno(err, r, "dbus", "cannot send")
		     : wait_reply(bus, err);
}

/* EXTERNAL: who we are the kernel says; the name is our uid in decimal, in hexadecimal. */
static int authenticate(int fd)
{
	char line[64], uid[16], *p = line;
	size_t n = 0;
	int r;

	*p++ = '\0';
	p += sprintf(p, "AUTH EXTERNAL ");
	snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid());
	for (const char *d = uid; *d; d++)
		p += sprintf(p, "%02x", (unsigned char)*d);
	p += sprintf(p, "\r\nBEGIN\r\n");
	if (send(fd, line, (size_t)(p - line), MSG_NOSIGNAL) != p - line)
		return -EPIPE;
	/* Byte by byte: messages may follow at once. */
	do {
		if (n == sizeof(line))
			return -EBADMSG;
		r = receive(fd, &line[n++], 1);
		if (r < 0)
			return r;
	} while (line[n - 1] != '\n');
	return n > 3 && memcmp(line, "OK ", 3) == 0 ? 0 : -EACCES;
}

static int say_hello(struct dbus *bus)
{
	static const struct dbus_method hello = { "org.freedesktop.DBus",
						  "/org/freedesktop/DBus",
						  "org.freedesktop.DBus", "Hello", "" };

	return dbus_call(bus, &hello, NULL, NULL);
}

int dbus_open(const char *path, bool is_bus, struct dbus *ret)
{
	const struct timeval patience = { .tv_sec = ANSWER_S };
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	cleanup_close int fd = -EBADF;
	struct dbus bus = DBUS_INIT;
	int r;

	if (strlen(path) >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	memcpy(name.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
		return -errno;
	bus.fd = fd;
	r = authenticate(fd);
	if (r == 0 && is_bus)
		r = say_hello(&bus);
	if (r < 0)
		return r;
	bus.fd = TAKE_FD(fd);
	*ret = bus;
	return 0;
}

void dbus_close(struct dbus *bus)
{
	bus->fd = fd_close(bus->fd);
}
