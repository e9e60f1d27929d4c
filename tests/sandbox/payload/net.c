/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which ways out has the network? "name errno" a line.
 *
 *	net PORT ABSTRACT PATH [all]   a service of the host: TCP port, abstract and path socket;
 *	                               "all" also tries addresses far away
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void say(const char *name, long r)
{
	printf("%s %s\n", name, r < 0 ? strerrorname_np(errno) : "done");
}

static void try_ipv4(const char *name, int type, const char *address, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, type, 0);

	inet_pton(AF_INET, address, &a.sin_addr);
	say(name, connect(fd, (struct sockaddr *)&a, sizeof(a)));
	close(fd);
}

static void try_ipv6(const char *name, const char *address)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(80) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	inet_pton(AF_INET6, address, &a.sin6_addr);
	say(name, connect(fd, (struct sockaddr *)&a, sizeof(a)));
	close(fd);
}

static void try_unix(const char *name, const char *path, int abstract)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path + abstract, sizeof(a.sun_path) - 1, "%s", path);
	say(name, connect(fd, (struct sockaddr *)&a,
			  (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				      strlen(path) + (size_t)abstract)));
	close(fd);
}

/* A server and its client, both in here. */
static void try_inside(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int server = socket(AF_INET, SOCK_STREAM, 0),
	    client = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(server, (struct sockaddr *)&a, n) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (struct sockaddr *)&a, &n) < 0)
		say("inside", -1);
	else
		say("inside", connect(client, (struct sockaddr *)&a, n));
	close(client);
	close(server);
}

static void list_interfaces(void)
{
	struct if_nameindex *all = if_nameindex();

	for (size_t i = 0; all && all[i].if_index; i++)
		printf("interface %s\n", all[i].if_name);
	if_freenameindex(all);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	try_ipv4("host_tcp", SOCK_STREAM, "127.0.0.1", atoi(argv[1]));
	try_unix("host_abstract", argv[2], 1);
	try_unix("host_path", argv[3], 0);
	try_inside();
	list_interfaces();
	if (argc < 5)
		return 0;
	try_ipv4("public_tcp", SOCK_STREAM, "1.1.1.1", 53);
	try_ipv4("public_udp", SOCK_DGRAM, "8.8.8.8", 53);
	try_ipv4("metadata", SOCK_STREAM, "169.254.169.254", 80);
	try_ipv4("private", SOCK_STREAM, "10.0.0.1", 80);
	try_ipv6("public_ipv6", "2606:4700:4700::1111");
	return 0;
}
