# SPDX-License-Identifier: Apache-2.0
"""What the loop itself costs: a campaign whose harness prints a constant, so that git, journal and
parsing are all there is. CPU time of the loop's own process for each experiment, its peak
memory, and, with strace, how often it asks the disk to sync.
"""

import os
import re
import shutil
import subprocess
import time

from contest import AUTOEXP, limits_of_host, quiet

CONFIG = """\
target: params.txt
harness: 'echo "score: 1"'
metrics:
  - name: score
    goal: minimize
caps:
  max_experiments: {n}
  max_cost_usd: 0
  max_wall_clock_hours: 1
limits: {{wall: 20s, memory: 128MiB, pids: 32, scratch: 16MiB}}
"""


def make_repository(folder, experiments):
    os.makedirs(folder)
    with open(os.path.join(folder, "params.txt"), "w", encoding="ascii") as file:
        file.write("".join(f"p{i} = {i + 1}.5\n" for i in range(40)))
    with open(os.path.join(folder, "autoexp.yaml"), "w", encoding="ascii") as file:
        file.write(CONFIG.format(n=experiments))
    for argv in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        done = quiet(["git", "-C", folder, "-c", "user.name=T", "-c", "user.email=t@localhost",
                      *argv])
        if done.returncode:
            raise SystemExit(f"git {argv[0]}: {done.stdout}")


def campaign(folder, soft):
    return [AUTOEXP, "run", "--tag", "bench", *soft, "--config",
            os.path.join(folder, "autoexp.yaml")]


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


def run_campaign(folder, soft):
    """Seconds, CPU seconds of the loop's process alone, its peak memory in KiB."""
    log = os.path.join(folder, "..", "loop.log")
    with open(log, "w", encoding="utf-8") as out:
        begin = time.monotonic()
        process = subprocess.Popen(campaign(folder, soft), cwd=folder, stdout=out, stderr=out,
                                   stdin=subprocess.DEVNULL)
        peak = 0
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            found = re.search(r"VmHWM:\s+(\d+)", read(f"/proc/{process.pid}/status"))
            peak = max(peak, int(found.group(1)) if found else 0)
            time.sleep(0.02)
        seconds = time.monotonic() - begin
        # Of the process that has ended but is not reaped: children are not in it.
        cpu = int(read(f"/proc/{process.pid}/schedstat").split()[0]) / 1e9
        status = process.wait()
    if status:
        raise SystemExit(f"the campaign ended with status {status}:\n{read(log)[-2000:]}")
    return seconds, cpu, peak


def count_syncs(folder, soft):
    """Syncs of the loop's process alone, or None where strace cannot tell."""
    summary = os.path.join(folder, "..", "strace")
    calls = "trace=fsync,fdatasync,syncfs,sync,sync_file_range,msync"
    done = quiet(["strace", "-o", summary, "-e", calls, *campaign(folder, soft)], cwd=folder)
    if done.returncode:
        return None
    return len(re.findall(r"^\w*sync\w*\(", read(summary), re.M))


def show_loop(out, experiments, scratch):
    soft = [flag for flag in limits_of_host()[0] if flag == "--soft-limits"]
    folders = [os.path.join(scratch, name, "repo") for name in ("few", "many", "traced")]
    few = max(1, experiments // 5)
    traced = min(experiments, 20)
    for folder, n in zip(folders, (few, experiments, traced)):
        make_repository(folder, n)
    _, few_cpu, _ = run_campaign(folders[0], soft)
    seconds, cpu, peak = run_campaign(folders[1], soft)
    rows = [["elapsed for each, with box, git and disk",
             f"{seconds / (experiments + 1) * 1000:.2f} ms"],
            ["CPU of the loop alone for each", f"{cpu / (experiments + 1) * 1000:.2f} ms"],
            [f"the same for each more after the first {few}",
             f"{(cpu - few_cpu) / max(1, experiments - few) * 1000:.2f} ms"],
            ["peak memory", f"{peak / 1024:.2f} MiB"]]
    syncs = count_syncs(folders[2], soft) if shutil.which("strace") else None
    rows.append(["syncs for each", "not counted: strace does not work here" if syncs is None
                 else f"{syncs / (traced + 1):.2f}"])
    out.table(f"The loop: {experiments} experiments and a baseline, with a harness that prints a "
              "constant", ["", ""], rows)
