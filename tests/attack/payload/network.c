/* SPDX-License-Identifier: Apache-2.0 */

/* The network, and the address families behind which large parts of the kernel lie. */
#include "attack.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_alg.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Connected, or on the way there: an answer that does not come is not a wall. */
static int reach_address(const struct sockaddr *a, socklen_t size, int type)
{
	int fd = socket(a->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t n = sizeof(int);
	int e = 0;

	if (fd < 0)
		return -1;
	if (connect(fd, a, size) == 0)
		return type == SOCK_DGRAM ? (int)send(fd, "attack", 6, MSG_NOSIGNAL) : 0;
	if (errno != EINPROGRESS)
		return -1;
	if (poll(&p, 1, 300) <= 0)
		return 0;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n);
	errno = e;
	return e ? -1 : 0;
}

static int reach(const char *address, int port, int type)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, address, &a.sin_addr);
	return reach_address((void *)&a, sizeof(a), type);
}

static int reach6(const char *address, int port, int type, unsigned scope)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
				  .sin6_port = htons((uint16_t)port),
				  .sin6_scope_id = scope };

	inet_pton(AF_INET6, address, &a.sin6_addr);
	return reach_address((void *)&a, sizeof(a), type);
}

static void host_tcp(void)
{
	int port = (int)given_number("tcp", 1);

	tried("127.0.0.1", reach("127.0.0.1", port, SOCK_STREAM));
	tried("0.0.0.0", reach("0.0.0.0", port, SOCK_STREAM));
	tried("127.1.2.3", reach("127.1.2.3", port, SOCK_STREAM));
	tried("::ffff:127.0.0.1", reach6("::ffff:127.0.0.1", port, SOCK_STREAM, 0));
}

static void host_udp(void)
{
	int port = (int)given_number("udp", 1);

	/* Nothing says whether a datagram arrived: the host's listener is looked at outside. */
	note("sent %d", reach("127.0.0.1", port, SOCK_DGRAM));
	note("sent %d", reach("127.255.255.255", port, SOCK_DGRAM));
}

static void outside(void)
{
	tried("a public address", reach("192.0.2.1", 80, SOCK_STREAM));
	tried("a public port", reach("1.1.1.1", 443, SOCK_STREAM));
	tried("a private address", reach("10.0.0.1", 80, SOCK_STREAM));
	tried("another", reach("192.168.0.1", 80, SOCK_STREAM));
	tried("IPv6", reach6("2001:db8::1", 80, SOCK_STREAM, 0));
}

static void metadata(void)
{
	tried("169.254.169.254", reach("169.254.169.254", 80, SOCK_STREAM));
	tried("fd00:ec2::254", reach6("fd00:ec2::254", 80, SOCK_STREAM, 0));
	tried("100.100.100.200", reach("100.100.100.200", 80, SOCK_STREAM));
}

static void tunnel(void)
{
	tried("DNS", reach("8.8.8.8", 53, SOCK_DGRAM));
	tried("DNS over IPv6", reach6("2001:4860:4860::8888", 53, SOCK_DGRAM, 0));
	tried("multicast", reach("224.0.0.251", 5353, SOCK_DGRAM));
	tried("local resolver", reach("127.0.0.53", 53, SOCK_STREAM));
	tried("ping socket", socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
	tried("link local", reach6("fe80::1", 80, SOCK_STREAM, 2));
}

static void interfaces(void)
{
	struct if_nameindex *all = if_nameindex();

	for (struct if_nameindex *i = all; i && i->if_index; i++)
		if (strcmp(i->if_name, "lo") && strncmp(i->if_name, "tunl", 4) &&
		    strncmp(i->if_name, "sit", 3) && strncmp(i->if_name, "gre", 3) &&
		    strncmp(i->if_name, "erspan", 6) && strncmp(i->if_name, "ip", 2) &&
		    strncmp(i->if_name, "teql", 4))
			won("interface %s", i->if_name);
	note("%s", all ? "only the own loopback" : strerrorname_np(errno));
}

static void change_network(void)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
		struct rtattr name;
		char text[8];
		struct rtattr link, kind;
		char dummy[8];
	} m = {
		.head = { .nlmsg_len = sizeof(m),
			  .nlmsg_type = RTM_NEWLINK,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE },
		.name = { 12, IFLA_IFNAME },
		.text = "att0",
		.link = { 16, IFLA_LINKINFO },
		.kind = { 12, IFLA_INFO_KIND },
		.dummy = "dummy",
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[256];
	} answer;
	struct ifreq lo = { .ifr_name = "lo" };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || send(fd, &m, sizeof(m), 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), MSG_DONTWAIT) < 0) {
		note("netlink %s", strerrorname_np(errno));
	} else {
		errno = -answer.error.error;
		tried("a new interface", answer.error.error ? -1 : 0);
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	lo.ifr_flags = 0;
	tried("loopback down", ioctl(fd, SIOCSIFFLAGS, &lo));
	tried("raw socket", socket(AF_INET, SOCK_RAW, IPPROTO_RAW));
}

/* --- families ------------------------------------------------------------------------------ */

static void family(const char *name, int domain, int type, int protocol)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, protocol);

	/* Without its module a kernel answers the same as a filter does. */
	tried(name, fd);
	if (fd >= 0)
		close(fd);
}

static void alg(void)
{
	struct sockaddr_alg a = { .salg_family = AF_ALG,
				  .salg_type = "hash",
				  .salg_name = "sha256" };
	int fd = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	tried("AF_ALG", fd < 0 ? fd : bind(fd, (void *)&a, sizeof(a)));
}

static void vsock(void)
{
	family("stream", AF_VSOCK, SOCK_STREAM, 0);
	family("datagram", AF_VSOCK, SOCK_DGRAM, 0);
}

static void packet(void)
{
	family("raw", AF_PACKET, SOCK_RAW, htons(3));
	family("cooked", AF_PACKET, SOCK_DGRAM, htons(3));
	family("old", AF_INET, 10, htons(3));
}

static void netlinks(void)
{
	static const struct {
		const char *name;
		int protocol;
	} kinds[] = { { "sock_diag", 4 },  { "nflog", 5 },      { "xfrm", 6 },
		      { "selinux", 7 },    { "iscsi", 8 },      { "audit", 9 },
		      { "connector", 11 }, { "netfilter", 12 }, { "uevent", 15 },
		      { "generic", 16 },   { "crypto", 21 },    { "rdma", 20 } };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		family(kinds[i].name, AF_NETLINK, SOCK_RAW, kinds[i].protocol);
}

static void rare_families(void)
{
	static const int domains[] = { AF_AX25,   AF_IPX,        AF_APPLETALK, AF_NETROM,
				       AF_X25,    AF_ROSE,       AF_KEY,       AF_RDS,
				       AF_PPPOX,  AF_LLC,        AF_IB,        AF_MPLS,
				       AF_CAN,    AF_TIPC,       AF_BLUETOOTH, AF_RXRPC,
				       AF_PHONET, AF_IEEE802154, AF_CAIF,      AF_NFC,
				       AF_KCM,    AF_QIPCRTR,    AF_SMC,       AF_XDP,
				       45 };
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET };
	char name[32];

	for (size_t i = 0; i < ARRAY_SIZE(domains); i++)
		for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
			int fd = socket(domains[i], types[t] | SOCK_CLOEXEC, 0);

			if (fd >= 0) {
				snprintf(name, sizeof(name), "family %d", domains[i]);
				won("%s", name);
				close(fd);
			}
		}
	note("%zu families", ARRAY_SIZE(domains));
}

static void high_bits(void)
{
	tried("AF_PACKET", syscall(SYS_socket, (1L << 32) | AF_PACKET, SOCK_RAW, 0));
	tried("AF_NETLINK",
	      syscall(SYS_socket, (1L << 32) | AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
	tried("protocol",
	      syscall(SYS_socket, AF_NETLINK, SOCK_RAW, (1L << 32) | NETLINK_AUDIT));
	tried("AF_ALG", syscall(SYS_socket, (1L << 63) | AF_ALG, SOCK_SEQPACKET, 0));
}

const struct attack network_attacks[] = {
	{ "I60a", "AF_ALG: the kernel's ciphers", NULL, NULL, alg },
	{ "I60b", "AF_VSOCK: to the hypervisor", NULL, NULL, vsock },
	{ "I60c", "AF_PACKET: see the wire", NULL, NULL, packet },
	{ "I60d", "AF_NETLINK other than routes", NULL, NULL, netlinks },
	{ "I60e", "two dozen rare families", NULL, NULL, rare_families },
	{ "I60f", "families with high bits set", NULL, NULL, high_bits },
	{ "I61a", "a TCP service on the host's loopback", NULL, NULL, host_tcp },
	{ "I61b", "a UDP service on the host's loopback", NULL, NULL, host_udp },
	{ "I61c", "public and private addresses", NULL, NULL, outside },
	{ "I61d", "the cloud's metadata service", NULL, NULL, metadata },
	{ "I61e", "tunnels: DNS, multicast, ping, link local", NULL, NULL, tunnel },
	{ "I61f", "interfaces of the host", NULL, NULL, interfaces },
	{ "I61g", "change the network", NULL, "dangerous", change_network },
	{ 0 },
};
