/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * As much of D-Bus as it takes to call a method of a service of this host: connect, say who
 * we are, send, wait for the answer. No library, so that a program that starts in a
 * millisecond needs none. Source: the D-Bus Specification.
 */

#include "base/buf.h"
#include "base/err.h"

struct dbus {
	int fd;
	uint32_t serial; /* of the last call */
};

#define DBUS_INIT                         \
	{                                 \
		.fd = -EBADF, .serial = 0 \
	}

struct dbus_method {
	const char *destination, *path, *interface, *member;
	const char *signature; /* of the arguments, "" for none */
};

/**
 * dbus_open() - connect to a socket
 * @path:    of the socket
 * @is_bus:  a bus, where one has to say hello; false for a service that listens itself
 *
 * Return: 0; negative errno, also when nobody answers within seconds
 */
int dbus_open(const char *path, bool is_bus, struct dbus *ret);

void dbus_close(struct dbus *bus);

/* Arguments, each aligned as the format wants it. */
void dbus_add_u32(struct buf *b, uint32_t value);
void dbus_add_string(struct buf *b, const char *s); /* and object paths */
void dbus_add_signature(struct buf *b, const char *s);
void dbus_align(struct buf *b, size_t n); /* before a struct: 8 */

/**
 * dbus_begin_array() - open an array
 * @align:  what its elements are aligned to: 4 for numbers and strings, 8 for structs
 *
 * Return: for dbus_end_array()
 */
size_t dbus_begin_array(struct buf *b, size_t align);
void dbus_end_array(struct buf *b, size_t begin, size_t align);

/**
 * dbus_call() - call a method and wait for its answer
 * @args:  what the functions above made, for @method's signature; may be NULL
 *
 * Return: 0; -EREMOTEIO when the service refused, with its words; negative errno
 */
int dbus_call(struct dbus *bus, const struct dbus_method *method, const struct buf *args,
	      struct sbx_err *err);
