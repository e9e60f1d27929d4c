# SPDX-License-Identifier: Apache-2.0
"""What is out of reach: other processes, the network, and most of the kernel."""

import os
import re
import signal
import socket
import subprocess

import pytest

from conftest import IN_VM, REPOSITORY, facts, payload


# --- processes -----------------------------------------------------------------------------


def test_processes_outside_and_process_1_are_out_of_reach(exec_box, victim):
    got = exec_box.facts("reach", victim.pid)
    assert got["processes"] == "2"
    assert got["kill_outside"] == "ESRCH"
    assert got["outside_environ"] == "ENOENT"
    assert got["kill_all"] == "ESRCH"
    for name in ("environ", "mem", "maps", "cwd/", "root/etc", "fd/0", "exe"):
        assert got[f"/proc/1/{name}"] == "EACCES", name
    for name in ("ptrace_attach", "ptrace_seize", "vm_readv", "vm_writev", "prlimit_cpu",
                 "affinity", "scheduler", "priority", "priority_user", "pidfd_getfd"):
        assert got[name] == "EPERM", name
    assert got["ioprio_user"] in ("EPERM", "ESRCH")
    assert got["nice_changed"] == "0"
    assert got["init_alive"] == "1"


def test_killing_all_ends_the_command_and_nobody_else(exec_box, victim):
    box = exec_box("sh", "-c", "sleep 60 & kill -KILL -1; echo still here; kill -KILL $$",
                   options=["--wall", "20s"])
    assert (box.record["verdict"], box.record["signal"], box.status) == ("signal", 9, 137), box
    assert "still here" in box.stdout


def test_the_command_cannot_see_the_hosts_processes(exec_box, victim):
    box = exec_box("sh", "-c", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; true")
    assert "hunter2" not in box.stdout
    assert "time.sleep(600)" not in box.stdout


# --- network -------------------------------------------------------------------------------


@pytest.fixture
def service(tmp_path):
    """What the host offers: a TCP port, an abstract socket, a socket file."""
    tcp = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0autoexp-test-{os.getpid()}")
    abstract.listen()
    path = socket.socket(socket.AF_UNIX)
    path.bind(str(tmp_path / "socket"))
    path.listen()
    yield tcp.getsockname()[1], f"autoexp-test-{os.getpid()}", str(tmp_path / "socket")
    for each in (tcp, abstract, path):
        each.close()


def test_no_way_out_through_the_network(exec_box, service):
    got = exec_box.facts("net", *service, "all")
    assert got["inside"] == "done"
    # Another loopback, other abstract names: nobody listens there.
    assert got["host_tcp"] == "ECONNREFUSED"
    assert got["host_abstract"] == "ECONNREFUSED"
    assert got["host_path"] == "ENOENT"
    for name in ("public_tcp", "public_udp", "metadata", "private"):
        assert got[name] == "ENETUNREACH", name
    assert got["public_ipv6"] in ("ENETUNREACH", "EADDRNOTAVAIL")
    assert got["interface"] == "lo"


def test_the_same_service_is_there_for_the_host(service):
    """Else the test above proves nothing."""
    done = subprocess.run([payload("net"), *map(str, service)], capture_output=True, text=True,
                          check=False)
    got = facts(done.stdout)
    assert [got[name] for name in ("host_tcp", "host_abstract", "host_path")] == ["done"] * 3


def test_the_hosts_network_must_be_spelled_out(exec_box, service):
    got = exec_box.facts("net", *service, options=["--net", "host"])
    assert got["host_tcp"] == "done"
    assert got["host_path"] == "ENOENT"


@pytest.mark.parametrize("what", ["socket", "fifo"])
def test_show_refuses_what_a_read_only_mount_does_not_close(exec_box, tmp_path, what):
    folder = tmp_path / "shown" / "deep"
    folder.mkdir(parents=True)
    if what == "fifo":
        os.mkfifo(folder / "x")
        kind = "a FIFO"
    else:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(folder / "x"))
        kind = "a socket"
    box = exec_box("true", options=["--show", tmp_path / "shown"])
    assert box.status == 125
    assert f"{folder}/x is {kind}" in box.stderr


@pytest.mark.parametrize("path", ["/run", "/proc", "/sys", "/dev", "/", "/tmp"])
def test_show_refuses_what_is_too_wide(exec_box, path):
    box = exec_box("true", options=["--show", path])
    assert box.status == 125
    assert path in box.stderr
    assert box.record["verdict"] == "setup-error"


# --- system calls --------------------------------------------------------------------------


def denied_names():
    """The deny list of the default policy, as its source has it."""
    text = (REPOSITORY / "sandbox" / "syscalls.c").read_text()
    (table,) = re.findall(r"syscalls_denied\[\] = \{(.*?)\n\};", text, re.S)
    return set(re.findall(r'"(\w+)"', re.sub(r"/\*.*?\*/", "", table, flags=re.S)))


def test_every_denied_call_is_denied(exec_box):
    got = exec_box.facts("denied", "names")
    assert denied_names() <= got.keys(), "tests/sandbox/payload/denied.c has not all of them"
    here = {name: errno for name, errno in got.items() if errno != "absent"}
    assert len(here) > 50
    assert {name for name, errno in here.items() if errno != "EPERM"} == set()


def test_outside_the_kernel_answers_differently():
    """Else the test above could not tell a filter from a kernel that refuses anyway."""
    done = subprocess.run([payload("denied"), "names"], capture_output=True, text=True,
                          check=True)
    different = [name for name, errno in facts(done.stdout).items()
                 if errno not in ("EPERM", "absent")]
    assert len(different) > 20


RULES = {
    "EPERM": """clone_newns clone_newcgroup clone_newuts clone_newipc clone_newuser clone_newpid
        clone_newnet clone_user_and_net tiocsti tiocsti_high tioclinux tioclinux_high
        setrlimit_core setrlimit_core_high prlimit_core prlimit_parent affinity_parent
        priority_parent priority_user personality_no_random personality_zero_page
        personality_exec personality_high personality_nearly_asked mknod_memory mknod_null mknod_disk socket_raw""",
    "ENOMEM": "huge_map huge_memfd huge_shm",
    "ENOSYS": "clone3 unknown",
    "EAFNOSUPPORT": """socket_netlink_audit socket_netlink_netfilter socket_packet
        socket_packet_high socket_ax25_high socket_netlink_high socket_vsock socket_alg
        socket_bluetooth socket_can socket_key""",
    "done": """clone_fork socket_unix socket_inet socket_inet6 socket_netlink_route ptmx
        prlimit_core_read setrlimit_nofile affinity_self priority_self personality_read
        mknod_fifo""",
}


def test_calls_that_depend_on_their_arguments(exec_box):
    got = exec_box.facts("denied", "rules")
    for errno, names in RULES.items():
        assert {name: got[name] for name in names.split()} == dict.fromkeys(names.split(), errno)
    families = {int(name[7:]) for name, errno in got.items()
                if name.startswith("family_") and errno != "EAFNOSUPPORT"}
    assert families == {1, 2, 10, 16}
    for name in ("mem", "kmsg", "proc_kmsg", "kcore", "kallsyms", "keys"):
        assert got["read_" + name] in ("ENOENT", "empty", "EACCES"), name
    assert got["open_core_pattern"] in ("EROFS", "EACCES")


def outside(name, *arguments):
    """The status a payload ends with where there is no box."""
    return subprocess.run([payload(name), *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, check=False).returncode


@pytest.mark.parametrize("abi", ["int80", "x32"])
def test_foreign_abis_are_killed(exec_box, abi):
    """By the filter, or already by a kernel that was built without the 32-bit entry."""
    expected = ("violation", 31)
    if outside("foreign", abi) == -signal.SIGSEGV:
        expected = ("signal", signal.SIGSEGV)
    box = exec_box(payload("foreign"), abi)
    assert (box.record["verdict"], box.record["signal"]) == expected, box
    assert box.status == 128 + expected[1]
    assert box.stdout == "before\n"


def test_what_harnesses_need_is_allowed(exec_box):
    """Interpreters, threads, pipes, a compiler: a filter that is too tight is of no use."""
    script = """
import multiprocessing, socket, subprocess, tempfile, threading
t = threading.Thread(target=lambda: None); t.start(); t.join()
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(sum(pool.map(abs, range(-3, 3))))
a, b = socket.socketpair(); a.send(b"x"); print(b.recv(1).decode())
print(subprocess.run(["sh", "-c", "echo sub | cat"], capture_output=True, text=True).stdout.strip())
with tempfile.TemporaryFile() as f: f.write(b"x")
"""
    if IN_VM:
        script = script.replace("multiprocessing, ", "")
        script = re.sub(r"with multi.*\n.*\n", "print(9)\n", script)
    box = exec_box("/usr/bin/python3", "-S", "-c", script)
    assert (box.status, box.stdout) == (0, "9\nx\nsub\n"), box
