# SPDX-License-Identifier: Apache-2.0
"""What can be read and written: the system, what is shown, the target in its three modes."""

import json
import os
import shutil
import subprocess
import tempfile

import pytest

from conftest import IS_ROOT, idmap_of_root_only, idmap_only, payload, root_only

WRITABLE = ["/tmp", "/dev/shm", "/home/autoexp", "/out"]
# Written to, these forget everything; the masked files of /proc are the null device.
DEVICES = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
           "/dev/ptmx", "/dev/pts/ptmx", "/dev/stdin", "/dev/stdout", "/dev/stderr"}
MASKED = ("/proc/kallsyms", "/proc/kcore", "/proc/keys", "/proc/kmsg", "/proc/latency_stats",
          "/proc/sched_debug", "/proc/sysrq-trigger", "/proc/timer_list")


def is_below(path, folders):
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def test_nothing_but_scratch_is_writable(exec_box):
    box = exec_box(payload("writes"), 2, "/")
    assert box.status == 0, box
    lines = [line.split(" ", 1) for line in box.stdout.splitlines()]
    assert lines[-1][0] == "tried" and int(lines[-1][1]) > 100
    done = {(what, path) for what, path in lines[:-1]
            if not is_below(path, WRITABLE) and path not in DEVICES and path not in MASKED}
    assert done == set()
    # And the payload can tell: scratch is found writable.
    assert {("make", path) for path in WRITABLE} <= {tuple(line) for line in lines}


def test_kernel_settings_are_not_writable(exec_box):
    box = exec_box(payload("writes"), 9, "/proc/sys", "/sys", "/dev")
    lines = [line.split(" ", 1) for line in box.stdout.splitlines()]
    assert int(lines[-1][1]) > 500
    done = {path for _, path in lines[:-1]
            if not is_below(path, ["/dev/shm"]) and path not in DEVICES}
    assert done == set()


def test_homes_and_state_of_the_host_are_absent(exec_box, tmp_path):
    (tmp_path / "secret").write_text("secret")
    outside = ["/root/.bashrc", "/var/log", "/var/lib", "/run/systemd", "/run/lock", "/boot",
               "/srv", "/mnt", "/media", os.path.expanduser("~"), str(tmp_path / "secret"),
               "/sys/fs", "/sys/kernel", "/sys/class", "/dev/sda", "/dev/vda", "/dev/kvm",
               "/dev/mem", "/dev/fuse", "/dev/net/tun", "/.scratch"]
    got = exec_box(payload("reach"), 1 << 22, *outside)
    paths = dict(line[5:].rsplit(" ", 1) for line in got.stdout.splitlines()
                 if line.startswith("path "))
    assert paths == dict.fromkeys(outside, "ENOENT")


def test_the_system_is_there(exec_box):
    box = exec_box("sh", "-c", "test -x /usr/bin/env && test -r /etc/passwd && test -d /proc/self "
                   "&& ls /sys/devices/system/cpu >/dev/null && echo x >/dev/null && "
                   "cat /etc/ld.so.cache >/dev/null && echo all")
    assert (box.status, box.stdout) == (0, "all\n"), box


def test_secrets_of_etc_stay_closed(exec_box):
    box = exec_box("sh", "-c", "cat /etc/shadow; cat /etc/passwd")
    assert "Permission denied" in box.stderr
    assert "autoexp:x:1000" in box.stdout
    assert ":$" not in box.stdout


def test_every_mount_is_nosuid_and_all_but_devices_nodev(exec_box):
    box = exec_box("cat", "/proc/self/mountinfo")
    for line in box.stdout.splitlines():
        place, options = line.split()[4:6]
        assert "nosuid" in options.split(","), line
        if not place.startswith("/dev/") and place not in MASKED:
            assert "nodev" in options.split(","), line
        if not is_below(place, WRITABLE) and place not in ("/proc", "/dev/pts"):
            assert "ro" in options.split(","), line
    assert len(box.stdout.splitlines()) > 10


# --- show ----------------------------------------------------------------------------------


@pytest.fixture
def shown(tmp_path):
    folder = tmp_path / "data" / "deep"
    folder.mkdir(parents=True)
    (folder / "file").write_text("content\n")
    # pytest's own folders are closed to others.
    for path in (folder, folder / "file"):
        path.chmod(0o755)
    return folder


def test_show_is_readable_and_nothing_else(exec_box, shown):
    box = exec_box("sh", "-c", f"cat {shown}/file; ls {shown.parent}; echo x >{shown}/file; "
                   f"rm {shown}/file; touch {shown}/new; mv {shown} {shown}2; true",
                   options=["--show", shown])
    assert box.stdout == "content\ndeep\n", box
    assert box.stderr.count("Read-only file system") + box.stderr.count("busy") >= 3, box.stderr
    assert (shown / "file").read_text() == "content\n"
    assert not (shown / "new").exists()


def test_what_is_not_shown_is_not_there(exec_box, shown):
    box = exec_box("sh", "-c", f"ls {shown}; pwd; ls {os.getcwd()}")
    assert box.status != 0
    assert box.stdout == "/\n"


def test_folders_above_what_is_shown_cannot_be_moved(exec_box, shown):
    """Else a forged tree could take its place."""
    first = "/" + "/".join(str(shown).split("/")[1:3])
    box = exec_box("sh", "-c", f"mv {first} /tmp/away || mv {shown.parent} {shown.parent}2 || "
                   f"mkdir {shown.parent}/new || mkdir {first}/new || echo no; cat {shown}/file",
                   options=["--show", shown])
    assert box.stdout == "no\ncontent\n", box


def test_show_follows_the_link_that_was_named(exec_box, shown, tmp_path):
    (tmp_path / "link").symlink_to(shown)
    box = exec_box("cat", f"{shown}/file", options=["--show", tmp_path / "link"])
    assert (box.status, box.stdout) == (0, "content\n"), box


# --- the target ----------------------------------------------------------------------------


@pytest.fixture
def target(shown):
    file = shown / "target.txt"
    file.write_text("before\n")
    file.chmod(0o640)
    return file


def change(exec_box, target, *ways, mode="bind", show=True):
    options = ["--target", target, "--target-mode", mode]
    if show:
        options += ["--show", target.parent]
    box = exec_box(payload("target"), target, *ways, options=options)
    return box, dict(line.split() for line in box.stdout.splitlines())


@pytest.mark.parametrize("mode", ["bind", "overlay"])
@pytest.mark.parametrize("show", [True, False])
def test_writing_in_place_comes_back(exec_box, target, mode, show):
    before = target.stat()
    box, did = change(exec_box, target, "in_place", "append", mode=mode, show=show)
    assert (box.status, did) == (0, {"in_place": "done", "append": "done"}), box
    assert target.read_text() == "in place\nappended\n"
    assert box.record["target_changed"] is True
    after = target.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == \
        (before.st_mode, before.st_uid, before.st_gid)


def test_a_target_that_was_not_changed_is_not_touched(exec_box, target):
    before = target.stat()
    box, did = change(exec_box, target, "same")
    assert did == {"same": "done"}
    assert box.record["target_changed"] is False
    after = target.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("way, errno", [
    ("replace", "EROFS"), ("move_over", "EXDEV"), ("move_away", "EBUSY"), ("remove", "EBUSY"),
    ("symlink", "EEXIST"), ("fifo", "EEXIST"), ("directory", "EEXIST"), ("beside", "EROFS"),
])
def test_bind_stays_the_file_it_is(exec_box, target, way, errno):
    box, did = change(exec_box, target, way)
    assert did[way] in (errno, "EROFS", "EBUSY"), box
    assert target.read_text() == "before\n"
    assert box.record["target_changed"] is False
    assert sorted(os.listdir(target.parent)) == ["file", "target.txt"]


@pytest.mark.parametrize("way", ["replace", "move_over"])
def test_overlay_takes_any_way_of_saving(exec_box, target, way):
    box, did = change(exec_box, target, way, mode="overlay")
    if did[way] == "EXDEV":
        # /tmp is another mount; editors copy then.
        assert way == "move_over"
        assert target.read_text() == "before\n"
        return
    assert (box.status, did[way]) == (0, "done"), box
    assert target.read_text() in ("replaced\n", "moved over\n")
    assert sorted(os.listdir(target.parent)) == ["file", "target.txt"]


@pytest.mark.parametrize("way, reason", [
    ("symlink", "symbolic link"), ("fifo", "no regular file"), ("directory", "no regular file"),
    ("hard_link", "second name"), ("remove", "gone"), ("move_away", "gone"),
    ("sparse", "64 MiB"), ("no_access", None),
])
def test_overlay_rejects_what_is_no_plain_file(exec_box, target, way, reason):
    box, did = change(exec_box, target, way, mode="overlay")
    assert did == {way: "done"}, box
    assert target.read_text() == "before\n"
    assert target.is_file() and not target.is_symlink()
    assert target.stat().st_mode & 0o7777 == 0o640
    assert sorted(os.listdir(target.parent)) == ["file", "target.txt"]
    if reason:
        assert box.record["target_changed"] is True
        assert reason in box.record["target_error"]
        assert box.status == 1
        assert str(target) in box.stderr and "left as it was" in box.stderr


@pytest.mark.parametrize("mode", ["bind", "overlay"])
def test_a_set_user_id_bit_does_not_come_back(exec_box, target, mode):
    change(exec_box, target, "in_place", "set_uid", mode=mode)
    assert target.read_text() == "in place\n"
    assert target.stat().st_mode & 0o7777 == 0o640


def test_an_empty_target_comes_back_empty(exec_box, target):
    box, _ = change(exec_box, target, "empty")
    assert (box.record["target_changed"], target.read_text()) == (True, "")


def test_what_comes_back_follows_no_link_made_meanwhile(exec_box, target, tmp_path):
    """Whoever owns the folder could lead what root writes to any file of the same name."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / target.name).write_text("precious\n")
    process, _ = exec_box.start("sh", "-c", f"echo started; sleep 0.5; echo new >{target}",
                                options=["--target", target])
    process.stdout.readline()
    folder = target.parent.rename(tmp_path / "moved")
    target.parent.symlink_to(elsewhere)
    process.communicate(timeout=10)
    assert (elsewhere / target.name).read_text() == "precious\n"
    assert (folder / target.name).read_text() == "new\n"
    assert process.returncode == 0


@pytest.mark.parametrize("happens, message", [
    (lambda path: path.unlink(), "vanished"),
    (lambda path: path.write_text("theirs\n"), "changed by somebody else"),
    (lambda path: (path.unlink(), path.symlink_to("/etc/passwd")), "changed by somebody else"),
    (lambda path: (path.unlink(), path.mkdir()), "changed by somebody else"),
], ids=["removed", "edited", "link", "folder"])
def test_a_target_that_somebody_else_changes_meanwhile_is_left_to_them(exec_box, target, happens,
                                                                       message):
    process, record = exec_box.start("sh", "-c", f"echo started; sleep 0.5; echo new >{target}",
                                     options=["--target", target], text=True)
    process.stdout.readline()
    happens(target)
    before = os.lstat(target) if os.path.lexists(target) else None
    _, stderr = process.communicate(timeout=10)
    assert (process.returncode, message in stderr) == (1, True), stderr
    assert json.loads(record.read_text())["target_changed"] is True
    after = os.lstat(target) if os.path.lexists(target) else None
    assert (before and before.st_mtime_ns) == (after and after.st_mtime_ns)
    assert sorted(os.listdir(target.parent)) == (["file", "target.txt"] if after else ["file"])


def test_neighbours_of_an_overlay_cannot_be_changed(exec_box, target):
    (target.parent / "folder").mkdir()
    (target.parent / "folder" / "inner").write_text("inner\n")
    (target.parent / "link").symlink_to("file")
    folder = target.parent
    script = f"""
        cd {folder}
        echo x >file; rm -f file; mv file other; ln -sf /etc/passwd file
        echo x >folder/inner; rm -rf folder; touch folder/new; mv folder gone
        cat file folder/inner link
        rm -f link; ln -s target.txt link; mkdir fresh; echo y >fresh/y"""
    box = exec_box("sh", "-c", script, options=["--target", target, "--target-mode", "overlay",
                                                "--show", folder])
    assert box.stdout == "content\ninner\ncontent\n", box
    assert sorted(os.listdir(folder)) == ["file", "folder", "link", "target.txt"]
    assert os.readlink(folder / "link") == "file"
    assert (folder / "folder" / "inner").read_text() == "inner\n"
    assert box.record["target_changed"] is False


def test_a_read_only_target_cannot_be_changed(exec_box, target):
    box, did = change(exec_box, target, "in_place", "append", "remove", "replace", mode="ro")
    assert set(did.values()) <= {"EROFS", "EBUSY", "EACCES"}, box
    assert target.read_text() == "before\n"
    assert box.record["target_changed"] is False


@pytest.mark.parametrize("kind, message", [
    ("missing", "No such file"), ("symlink", "symbolic link"), ("folder", "not a regular file"),
    ("fifo", "not a regular file"),
])
def test_targets_that_are_no_plain_file_are_refused(exec_box, shown, kind, message):
    path = shown / "odd"
    if kind == "symlink":
        path.symlink_to(shown / "file")
    elif kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    box = exec_box("sh", "-c", "echo ran", options=["--target", path])
    assert box.status in (125, 2), box
    assert message in box.stderr
    assert str(path) in box.stderr
    assert box.stdout == ""


def test_a_target_behind_a_link_to_its_folder(exec_box, target, tmp_path):
    (tmp_path / "way").symlink_to(target.parent)
    box = exec_box("sh", "-c", f"echo new >{target}", options=["--target",
                                                              tmp_path / "way" / "target.txt"])
    assert box.status == 0, box
    assert target.read_text() == "new\n"


def test_a_file_that_came_back_after_a_crash_is_what_was_written_last(exec_box, target):
    """The copy is taken whatever the command's end was; what it means is for the caller."""
    box = exec_box("sh", "-c", f"echo new >{target}; kill -KILL $$", options=["--target", target])
    assert (box.status, box.record["verdict"]) == (137, "signal")
    assert target.read_text() == "new\n"


def test_an_executable_target_stays_executable(exec_box, target):
    target.chmod(0o755)
    target.write_text("#!/bin/sh\necho runs\n")
    box = exec_box(target, options=["--target", target])
    assert (box.status, box.stdout) == (0, "runs\n"), box


@pytest.fixture
def below_root():
    """A repository in root's own closed home."""
    folder = tempfile.mkdtemp(dir="/root", prefix="autoexp-test-")
    with open(folder + "/file", "w", encoding="ascii") as file:
        file.write("below root\n")
    yield folder
    shutil.rmtree(folder)


def check_below_root(exec_box, folder):
    assert os.stat("/root").st_mode & 0o077 == 0
    box = exec_box("sh", "-c", f"cat {folder}/file; ls -A /root; echo new >{folder}/file",
                   options=["--show", folder, "--target", folder + "/file"])
    assert box.stdout == f"below root\n{os.path.basename(folder)}\n", box
    with open(folder + "/file", encoding="ascii") as file:
        assert file.read() == "new\n"
    assert os.stat(folder + "/file").st_uid == 0


@root_only
def test_what_lies_in_roots_home_can_be_shown(exec_box, below_root):
    os.chmod(below_root, 0o755)
    os.chmod(below_root + "/file", 0o644)
    check_below_root(exec_box, below_root)


@root_only
@idmap_only
@idmap_of_root_only
def test_what_only_root_may_read_can_be_shown(exec_box, below_root):
    os.chmod(below_root, 0o700)
    os.chmod(below_root + "/file", 0o600)
    check_below_root(exec_box, below_root)


@idmap_only
def test_what_only_the_caller_may_read_can_be_shown(exec_box, shown):
    (shown / "file").chmod(0o600)
    shown.chmod(0o700)
    box = exec_box("cat", f"{shown}/file", options=["--show", shown])
    assert (box.status, box.stdout) == (0, "content\n"), box


def test_files_of_others_stay_closed(exec_box, tmp_path):
    """What the caller may not read, the box may not; as root: not even what root could."""
    if not IS_ROOT:
        path = "/etc/shadow"
    else:
        path = tmp_path / "of-12345"
        path.write_text("not yours\n")
        path.chmod(0o600)
        os.chown(path, 12345, 12345)
        folder = tmp_path / "folder"
        folder.mkdir()
        path = path.rename(folder / "of-12345")
    box = exec_box("cat", path, options=["--show", os.path.dirname(path)]
                   if IS_ROOT else [])
    assert box.status == 1, box
    assert "Permission denied" in box.stderr


def test_big_targets_and_odd_bytes_survive(exec_box, target):
    data = bytes(range(256)) * 4096 + b"no newline"
    target.write_bytes(data)
    box = exec_box("sh", "-c", f"cat {target} >/tmp/x; cat /tmp/x /tmp/x >{target}",
                   options=["--target", target])
    assert box.status == 0, box
    assert target.read_bytes() == data * 2


def test_one_file_can_be_shown(exec_box, shown):
    box = exec_box("sh", "-c", f"cat {shown}/file; ls -A {shown}",
                   options=["--show", shown / "file"])
    assert box.stdout == "content\nfile\n", box


def test_stdout_and_stdin_of_a_shell_pipeline(exec_box, tmp_path):
    """Used as a filter, the box is one program among others."""
    from conftest import AUTOEXP
    soft = " ".join(exec_box.soft([]))
    done = subprocess.run(f"seq 5 | {AUTOEXP} exec {soft} --stdin -- sort -r | head -2",
                          shell=True, capture_output=True, text=True, check=False)
    assert done.stdout == "5\n4\n"
