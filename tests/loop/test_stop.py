# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, signals, `autoexp stop`, and the caps."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pytest

from conftest import CONFIG, SCORE, finish, wait_for
from test_resume import in_stage

SLOW = SCORE + "sleep 1\n"


@pytest.fixture
def slow(new_repo):
    made = new_repo()
    made.standard(harness=SLOW)
    return made


def running(repo, number):
    return lambda: in_stage(repo, "run", number)


def test_once_stops_after_this_experiment(slow):
    process = slow.start("run")
    wait_for(running(slow, 1), what="experiment 1")
    process.send_signal(signal.SIGINT)
    out, err = finish(process)
    assert process.returncode == 0
    assert "after this experiment" in err
    assert len(slow.consistent()) == 2
    assert slow.events()[-1]["event"] == "stop"


@pytest.mark.parametrize("signals", [[signal.SIGINT, signal.SIGINT], [signal.SIGTERM],
                                     [signal.SIGHUP]])
def test_now_interrupts_the_run(slow, signals):
    process = slow.start("run")
    wait_for(running(slow, 1), what="experiment 1")
    for sig in signals:
        process.send_signal(sig)
        time.sleep(0.1)
    out, err = finish(process)
    assert process.returncode == 0
    assert len(slow.rows()) == 1
    kinds = [e["event"] for e in slow.events() if e.get("n") == 1]
    assert kinds == ["propose", "commit", "run", "interrupted"]
    slow.autoexp("run", "--max-experiments", 1)
    rows = slow.consistent()
    assert len(rows) == 2
    commits = [e["commit"] for e in slow.events() if e["event"] == "commit" and e["n"] == 1]
    assert len(commits) == 1 and commits[0].startswith(rows[1]["commit"])


def pids_of(*words):
    """Processes with just this command line."""
    line = b"".join(word.encode() + b"\0" for word in words)
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if file.read() == line:
                    found.append(int(name))
        except OSError:
            pass
    return found


def test_what_dies_of_the_same_stop_is_no_crash(new_repo):
    """At a logout everything gets SIGTERM, and the harness may be dead before it is heard."""
    repo = new_repo()
    number = f"60.{os.getpid()}"
    repo.standard(harness=SCORE + f"grep -q 'x = 10' params.txt || exec sleep {number}\n")
    process = repo.start("run")
    wait_for(lambda: pids_of("sleep", number), what="experiment 1")
    process.send_signal(signal.SIGSTOP)
    for pid in pids_of("sleep", number):
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not pids_of("sleep", number), what="the end of the harness")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    finish(process)
    assert process.returncode == 0
    assert repo.statuses() == ["keep"]
    kinds = [e["event"] for e in repo.events() if e.get("n") == 1]
    assert kinds == ["propose", "commit", "run", "interrupted"]


def test_ctrl_c_on_a_terminal_reaches_the_supervisor_alone(slow):
    """The whole foreground group gets the signal; the run in flight must not die of it."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(slow.path)
        os.execve(slow.command("run")[0], slow.command("run"),
                  {**slow.env, "TERM": "xterm"})
    shown = b""

    def read():
        nonlocal shown
        while select.select([terminal], [], [], 0)[0]:
            try:
                shown += os.read(terminal, 65536)
            except OSError:
                return
    try:
        wait_for(lambda: read() or running(slow, 1)(), what="experiment 1")
        os.write(terminal, b"\x03")
        wait_for(lambda: read() or os.waitpid(pid, os.WNOHANG)[0], what="the end")
    finally:
        read()
        os.close(terminal)
    text = shown.decode()
    assert slow.statuses()[1] in ("keep", "discard")
    assert len(slow.rows()) == 2
    # The live line: elapsed of limit, memory of cap, best so far, caps used.
    assert re.search(r"\r\x1b\[K.*0001 0s of 20s, .* of 128MiB \| best score 40 \| 0 of 5 exp",
                     text), text


def drained(terminal):
    """Take what is there to be read; nohup leaves nobody who writes."""
    try:
        while select.select([terminal], [], [], 0)[0]:
            os.read(terminal, 65536)
    except OSError:
        pass
    return True


def on_a_terminal(repo, *wrap, number=1):
    """A supervisor on a terminal of its own, at experiment `number`: its pid, the terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(repo.path)
        command = [*wrap, *repo.command("run", "--max-experiments", 2)]
        os.execvpe(command[0], command, {**repo.env, "TERM": "xterm"})
    wait_for(lambda: drained(terminal) and running(repo, number)(),
             what=f"experiment {number}")
    return pid, terminal


def test_a_terminal_that_closes_stops_it_cleanly(slow):
    pid, terminal = on_a_terminal(slow)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
    kinds = [e["event"] for e in slow.events() if e.get("n") == 1]
    assert kinds == ["propose", "commit", "run", "interrupted"]
    assert slow.events()[-1]["event"] == "stop"
    slow.autoexp("run", "--max-experiments", 2)
    assert len(slow.consistent()) == 3


def test_nohup_outlives_its_terminal(slow):
    pid, terminal = on_a_terminal(slow, "nohup")
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
    assert len(slow.consistent()) == 3
    assert "max_experiments 2 reached" in (slow.path / "nohup.out").read_text()


def test_memory_is_shown_and_fits_a_tiny_terminal(slow):
    pid, terminal = pty.fork()
    if pid == 0:
        time.sleep(0.2)         # the terminal has its size by then
        os.chdir(slow.path)
        command = slow.command("run", "--max-experiments", 1)
        os.execve(command[0], command, {**slow.env, "TERM": "xterm"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 18, 0, 0))
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 65536)
        except OSError:
            break
    os.waitpid(pid, 0)
    os.close(terminal)
    lines = re.findall(r"\r\x1b\[K\x1b\[2m(.*?)\x1b\[0m", shown.decode())
    assert lines and all(len(line) < 18 for line in lines), lines
    assert any(re.match(r"000\d 1s of 20s, [1-9]", line) for line in lines), lines


def test_no_colours_when_asked(repo):
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(repo.path)
        os.execve(repo.command("results")[0], repo.command("run", "--max-experiments", 1),
                  {**repo.env, "TERM": "xterm", "NO_COLOR": "1"})
    shown = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.waitpid(pid, 0)
    os.close(terminal)
    assert b"\x1b[3" not in shown and b"\x1b[1m" not in shown
    assert b"baseline" in shown


def test_plain_lines_without_a_terminal(repo):
    done = repo.autoexp("run", "--max-experiments", 2)
    assert "\r" not in done.stdout and "\x1b" not in done.stdout
    assert len(re.findall(r"^000\d  (keep|discard|crash) ", done.stdout, re.M)) == 3


def test_stop_command(slow):
    assert "nothing is running" in slow_before(slow)
    process = slow.start("run")
    wait_for(running(slow, 1), what="experiment 1")
    done = slow.autoexp("stop")
    assert str(process.pid) in done.stdout
    slow.autoexp("stop")        # asking twice is not asking for more
    finish(process)
    assert process.returncode == 0
    assert len(slow.consistent()) == 2
    assert "nothing is running" in slow.autoexp("stop").stdout


def slow_before(repo):
    repo.autoexp("run", "--max-experiments", 1)
    text = repo.autoexp("stop").stdout
    # Begin anew under another name, so that the numbers start again.
    repo.tag = "u"
    return text


def test_stop_now_command(slow):
    process = slow.start("run")
    wait_for(running(slow, 1), what="experiment 1")
    slow.autoexp("stop", "--now")
    finish(process, seconds=5)
    assert process.returncode == 0
    assert len(slow.rows()) == 1
    assert "interrupted" in slow.autoexp("status").stdout


def test_ignored_signals_stay_ignored(slow):
    process = slow.start("run", "--max-experiments", 1,
                         preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_for(running(slow, 0), what="the baseline")
    process.send_signal(signal.SIGHUP)
    finish(process)
    assert len(slow.consistent()) == 2


def test_reader_that_goes_away_does_not_end_it(slow):
    process = slow.start("run", "--max-experiments", 1)
    process.stdout.close()
    process.stdout = None
    finish(process)
    assert len(slow.consistent()) == 2


# --- caps ---

def test_cap_on_experiments_counts_across_restarts(repo):
    repo.autoexp("run")
    done = repo.autoexp("run")
    assert "max_experiments 5 reached" in done.stdout and "--max-experiments" in done.stdout
    assert len(repo.consistent()) == 6


def test_cap_on_hours_interrupts_and_never_crashes(slow):
    slow.write("evaluate.sh", SCORE + "grep -q '^x = 10$' params.txt || sleep 15\n")
    slow.commit("slow but for the baseline")
    done = slow.autoexp("run", "--max-hours", "0.0006", timeout=30)     # 2.16 s
    assert "hours" in done.stdout
    assert slow.statuses() == ["keep"]
    assert [e["event"] for e in slow.events() if e.get("n") == 1][-1] == "interrupted"
    again = slow.autoexp("run", "--max-hours", "0.0006")
    assert "max_wall_clock_hours" in again.stdout and slow.statuses() == ["keep"]
    assert len([e for e in slow.events() if e["event"] == "run"]) == 2


def test_no_proposal_when_a_run_would_not_fit(slow):
    slow.autoexp("run", "--max-hours", "0.0004")     # 1.44 s: the baseline takes one
    assert slow.statuses() == ["keep"]
    assert not [e for e in slow.events() if e["event"] == "propose" and e["n"] == 1]


def test_defaults_are_said(new_repo):
    repo = new_repo()
    short = re.sub(r"caps:\n(  .*\n){3}", "", CONFIG)
    assert "caps" not in short
    repo.standard(config=short)
    process = repo.start("run")
    line = next(line for line in process.stdout if line.startswith("caps"))
    process.send_signal(signal.SIGTERM)
    finish(process)
    assert "(defaults): 50 experiments, 10.00 USD, 8h" in line


def test_unlimited_must_be_spelled_out(repo):
    done = repo.autoexp("run", "--max-cost", "unlimited", "--max-experiments", 1)
    assert "unlimited" in done.stdout
