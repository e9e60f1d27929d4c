/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"

int net_loopback_up(struct sbx_err *err)
{
	struct ifreq lo = { .ifr_name = "lo" };
	cleanup_close int fd = -EBADF;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &lo) < 0)
		return sbx_err_errno(err, -errno, "net",
				     "cannot look at the loopback device");
	lo.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		return sbx_err_errno(err, -errno, "net",
				     "cannot switch on the loopback device");
	return 0;
}
