# SPDX-License-Identifier: Apache-2.0
#
# What has to be installed, in one place: tests/run and contrib/demo read this file with
# `.`. Plain POSIX shell, defines functions only, prints questions' answers on stdout and
# what it does on stderr.
#
#   packages_build                what builds autoexp and runs the demo, one name a line
#   packages_test                 what the suites need on top
#   packages_vm                   what the virtual machine of tests/vm needs on top
#   packages_analysis             the second compiler and what reads the code
#   packages_bench                the other sandboxes tests/bench compares with; optional
#   packages_missing NAME...      those of NAME that are not there, one a line
#   packages_install NAME...      says what it installs, then does; explains where it cannot
#
# Names are Debian's. On Debian and its relatives dpkg decides what is missing. Elsewhere a
# name stands for what it brings: the table gives a program or a pkg-config module to look
# for and the name its own authors use, which is what a person there has to search for.

# kind | Debian package | cmd:PROGRAM, file:PATH, pc:MODULE or py:MODULE | upstream name
packages_table() {
	cat <<'TABLE'
build|meson|cmd:meson|meson 0.61 or later
build|ninja-build|cmd:ninja|ninja
build|pkg-config|cmd:pkg-config|pkg-config or pkgconf
build|gcc|cmd:cc|a C compiler (gcc or clang)
build|libc6-dev|file:/usr/include/stdlib.h|the C library's headers
build|linux-libc-dev|file:/usr/include/linux/seccomp.h|Linux user-space headers, 5.13 or later
build|libseccomp-dev|pc:libseccomp|libseccomp 2.5 or later
build|libcap-dev|pc:libcap|libcap
build|libgit2-dev|pc:libgit2|libgit2 1.1 or later
build|libjansson-dev|pc:jansson|jansson 2.13 or later
build|libyaml-dev|pc:yaml-0.1|libyaml
build|git|cmd:git|git
build|python3|cmd:python3|Python 3.9 or later
test|libcmocka-dev|pc:cmocka|cmocka
test|python3-pytest|py:pytest|pytest
test|python3-yaml|py:yaml|PyYAML
test|util-linux|cmd:setpriv|util-linux (setpriv, unshare)
test|stress-ng|cmd:stress-ng|stress-ng
test|libcap2-bin|cmd:capsh|libcap (capsh)
test|golang-github-containers-common|file:/usr/share/containers/seccomp.json|containers-common
vm|busybox-static|cmd:busybox|a statically linked busybox
vm|qemu-system-x86|cmd:qemu-system-x86_64|QEMU, system emulation for x86-64
vm|qemu-system-common|cmd:qemu-system-x86_64|QEMU
vm|systemd|file:/usr/lib/systemd/systemd|systemd
vm|dbus-user-session|file:/usr/lib/systemd/user/dbus.socket|D-Bus, with a bus for each user
vm|libpam-systemd|file:/usr/lib/systemd/systemd-logind|systemd, with logind and its PAM module
vm|xz-utils|cmd:xz|xz
analysis|clang|cmd:clang|clang 14 or later, with its sanitizer runtime (compiler-rt)
analysis|clang-tidy|cmd:clang-tidy|clang-tidy 14 or later
analysis|cppcheck|cmd:cppcheck|cppcheck
bench|bubblewrap|cmd:bwrap|bubblewrap
bench|runc|cmd:runc|runc
bench|firejail|cmd:firejail|firejail
TABLE
}

packages_on_apt() {
	command -v apt-get >/dev/null 2>&1 && command -v dpkg-query >/dev/null 2>&1
}

packages_of_kind() {
	packages_table | while IFS='|' read -r kind name _; do
		if [ "$kind" = "$1" ]; then
			echo "$name"
		fi
	done
}

packages_build() {
	packages_of_kind build
}

packages_test() {
	packages_of_kind test
}

packages_vm() {
	packages_of_kind vm
	# Debian 12 and Ubuntu 22.04 ship virtiofsd inside qemu-system-common, their
	# successors as a package of its own.
	if packages_on_apt && [ ! -x /usr/lib/qemu/virtiofsd ] &&
	   apt-cache show virtiofsd >/dev/null 2>&1; then
		echo virtiofsd
	fi
}

packages_analysis() {
	packages_of_kind analysis
	# The runtime of the sanitizers is a package of its own in Debian since 12; where
	# this name is not known, clang brings it.
	if packages_on_apt && apt-cache show libclang-rt-dev >/dev/null 2>&1; then
		echo libclang-rt-dev
	fi
}

packages_bench() {
	packages_of_kind bench
}

# packages_field NAME N: column N of NAME's line in the table; fails for an unknown name
packages_field() {
	packages_table | awk -F'|' -v name="$1" -v n="$2" \
		'$2 == name { print $n; found = 1; exit } END { exit !found }'
}

# packages_present CHECK: is what the table's third column names on this machine?
packages_present() {
	case $1 in
	cmd:*)	command -v "${1#cmd:}" >/dev/null 2>&1 ;;
	file:*)	[ -e "${1#file:}" ] ;;
	pc:*)	pkg-config --exists "${1#pc:}" 2>/dev/null ;;
	py:*)	python3 -c "import ${1#py:}" 2>/dev/null ;;
	*)	return 1 ;;
	esac
}

packages_missing() {
	for name in "$@"; do
		if packages_on_apt; then
			status=$(dpkg-query -W -f='${db:Status-Status}\n' "$name" 2>/dev/null) || status=
			case $status in
			installed*)	;;
			*)		echo "$name" ;;
			esac
		elif ! packages_present "$(packages_field "$name" 3)"; then
			echo "$name"
		fi
	done
}

# packages_explain NAME...: for systems without apt, the same list by upstream names
packages_explain() {
	echo "This system has no apt-get, so nothing is installed for you." >&2
	echo "Please install with your own package manager, then try again:" >&2
	for name in "$@"; do
		if packages_field "$name" 4 >/dev/null; then
			printf '    %-46s (Debian: %s)\n' "$(packages_field "$name" 4)" "$name" >&2
		else
			printf '    %s\n' "$name" >&2
		fi
	done
}

packages_install() {
	if [ $# -eq 0 ]; then
		return 0
	fi
	if ! packages_on_apt; then
		packages_explain "$@"
		return 1
	fi

	echo "Missing packages, installed now through apt-get:" >&2
	echo "    $*" >&2
	if [ "$(id -u)" -eq 0 ]; then
		as_root=
	elif command -v sudo >/dev/null 2>&1; then
		as_root=sudo
	else
		echo "You are not root and there is no sudo. Please run as root, then try again:" >&2
		echo "    apt-get update && apt-get install --no-install-recommends $*" >&2
		return 1
	fi

	# A fresh container or cloud image has no package lists at all, an old one stale
	# ones; a failed update alone is no reason to stop, what is cached may do.
	$as_root apt-get -q update >&2 ||
		echo "apt-get update failed; trying with the package lists as they are" >&2
	if ! $as_root env DEBIAN_FRONTEND=noninteractive \
			apt-get -q -y install --no-install-recommends "$@" >&2; then
		echo "apt-get could not install them; its messages are above" >&2
		return 1
	fi
}
