# SPDX-License-Identifier: Apache-2.0
"""
Faults at every place: which there are, how one is tried, and what is asked of the program.

A scenario is a repository and a command. It is run once with the calls counted; each call is a
place where a fault can be put. Then, for a place: a copy of the repository, the command with
the fault, the same command without, and afterwards everything has to be as if nothing had
happened.
"""

import dataclasses
import re
import shutil
import subprocess

import campaign

# Which faults can befall which calls (fault.c). What is killed is looked at once more behind
# every call that changes something.
KINDS = {
    "write": ["ENOSPC", "ENOSPC+", "EIO", "short", "torn"],
    "sync": ["EIO", "ENOSPC+"],
    "rename": ["EIO", "ENOSPC+"],
    "create": ["ENOSPC", "ENOSPC+"],
    "open": ["EMFILE", "EMFILE+", "EIO"],
    "unlink": ["EIO"],
    "truncate": ["EIO"],
    "read": ["EIO"],
    "fork": ["EAGAIN"],
    "alloc": ["ENOMEM", "ENOMEM+"],
    "change": ["before", "after"],
}

# Words by which a message tells what to do. libgit2 does not always say what it ran into.
REMEDIES = {
    "ENOSPC": r"make room",
    "EMFILE": r"ulimit -n|git fsck",
    "ENOMEM": r"memory|git fsck",
    "EIO": r"dmesg|remove it",
    "EAGAIN": r"ulimit -u",
}
NO_DISK = re.compile(r" (pipe:|/memfd:|anon_inode:|/proc/)")
CRASHES = re.compile(r"Assertion|AddressSanitizer|runtime error|double free|corrupted|"
                     r"invalid pointer|stack smashing|gives no reason|\(null\)")


@dataclasses.dataclass(frozen=True)
class Place:
    scenario: str
    group: str          # class of calls
    n: int
    stack: str
    call: str

    def __str__(self):
        return f"{self.scenario} {self.group}:{self.n} ({self.call})"


class Scenario:
    """
    @name: of the scenario
    @template: a repository, copied for each try
    @args: the command that meets the fault
    @finish: the command that goes on; @args where there is none
    @accepts: exit statuses of @args without a fault
    """

    def __init__(self, name, template, args, finish=None, accepts=(0,)):
        self.name, self.template = name, template
        self.args, self.finish = args, finish or args
        self.accepts = accepts
        self.user = campaign.check.snapshot(template.path)
        self.expected = None
        self.places = []

    def count(self, folder):
        """Run it undisturbed: its calls, and the decisions that every other run must reach."""
        repo = self.template.copy(folder / f"{self.name}-counted")
        log = folder / f"{self.name}-counted.calls"
        done = repo.faulty(*self.args, log=log)
        assert done.returncode in self.accepts, done.stdout + done.stderr
        for line in log.read_text(errors="replace").splitlines():
            if ":" not in line.split("\t")[0]:
                continue
            where, stack, call, path = line.split("\t")
            group, n = where.split(":")
            path = path.replace(str(repo.path), "")
            self.places.append(Place(self.name, group, int(n), stack, f"{call} {path}".strip()))
        self.expected = self.end(repo)
        shutil.rmtree(repo.path)

    def end(self, repo):
        repo.autoexp(*self.finish, status=None)
        wrong, decisions = repo.checked(user=self.user)
        assert not wrong, "\n".join(wrong)
        return decisions

    def attempt(self, place, kind, folder):
        """One fault. Returns what is wrong afterwards, as text."""
        name = f"{self.name}-{place.group}-{place.n}-{kind.rstrip('+')}{'-stays' * kind.endswith('+')}"
        repo = self.template.copy(folder / name)
        log = folder / f"{name}.log"
        try:
            wrong = self.judge(repo, place, kind, log)
        except Exception as error:      # pylint: disable=broad-except
            wrong = [f"{type(error).__name__}: {error}"]
        if wrong:
            return "\n".join([f"{place} {kind}:", *wrong, *explain(log)])
        shutil.rmtree(repo.path)
        log.unlink(missing_ok=True)
        return ""

    def judge(self, repo, place, kind, log):
        done = repo.faulty(*self.args, fault=f"{place.group}:{place.n}:{kind}", log=log)
        wrong = [f"after the fault: {line}" for line in
                 self.check_first(done, kind, log, repo)]
        wrong += [f"left: {leaf}" for leaf in campaign.boxes_left(log)]
        if wrong:
            return [*wrong, done.stdout + done.stderr]
        done = repo.autoexp(*self.finish, status=None)
        if done.returncode != 0:
            wrong.append(f"it does not go on: status {done.returncode}")
        campaign.reap()
        found, decisions = repo.checked(user=self.user)
        wrong += [f"at the end: {line}" for line in found]
        if decisions != self.expected:
            wrong.append(f"other decisions: {decisions}, not {self.expected}")
        return [*wrong, done.stdout + done.stderr] if wrong else []

    def check_first(self, done, kind, log, repo):
        """The run that met the fault."""
        struck = log.exists() and "FAULT in" in log.read_text(errors="replace")
        text = done.stdout + done.stderr
        if CRASHES.search(text) and not of_others(log):
            yield "the program crashed, or says nothing of use"
        if kind in ("before", "after", "torn"):
            if struck and done.returncode != -9:
                yield f"ended with status {done.returncode} instead of being killed"
        elif done.returncode < 0:
            if not (kind.startswith("ENOMEM") and of_others(log)):
                yield f"died of signal {-done.returncode}"
        elif done.returncode not in (*self.accepts, 1):
            yield f"ended with status {done.returncode}"
        elif done.returncode == 1:
            said = [line for line in done.stderr.splitlines() if re.match(r"autoexp( run)?: ", line)]
            if not said:
                yield "failed, and said nothing"
            elif kind == "short":
                pass
            elif not re.search(REMEDIES[kind.rstrip("+")], "\n".join(said)):
                yield "does not say what to do"
        if (repo.truth / "journal.jsonl").exists():
            found, _ = repo.checked(killed=True, user=self.user)
            yield from found


def explain(log):
    """Where the fault happened: the first stack of the log, with the names of functions."""
    if not log.exists():
        return ["no fault happened"]
    lines = log.read_text(errors="replace").split("FAULT in ", 2)
    for line in lines[1].splitlines()[1:] if len(lines) > 1 else []:
        found = re.match(r"(.*)\((.*)\+(0x[0-9a-f]+)\)", line)
        if found and "fault.so" not in found[1]:
            program = campaign.BUILD / "src" / "autoexp-loop" if "autoexp" in found[1] else found[1]
            name = found[2]
            if not name:
                name = subprocess.run(["addr2line", "-sfpe", program, found[3]], text=True,
                                      capture_output=True, check=False).stdout.strip()
            yield f"    {name} in {found[1].rsplit('/', 1)[1]}"


def of_others(log):
    """
    Two crashes without memory are not ours: of the libraries for ciphers that libgit2 begins
    with, and of glibc when it looks up a user's name. Nothing has been written by then.
    """
    source = (campaign.ROOT / "src" / "repo" / "repo.c").read_text().splitlines()
    for line in explain(log):
        found = re.search(r"repo_open at repo\.c:(\d+)", line)
        at = int(found[1]) if found else 0
        if "getpwuid" in line or any("git_libgit2_init" in text for text in source[at - 2:at]):
            return True
    return False


def scenarios(folder, soft):
    """Repositories to start from; @folder keeps them."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    new = campaign.Repo(folder / "new", home, soft)
    new.short()
    begun = new.copy(folder / "begun")
    begun.autoexp("run", "--max-experiments", 1)
    # Killed while experiment 1 ran and its event was half written: what a start repairs.
    torn = new.copy(folder / "torn")
    log = folder / "torn.calls"
    probe = new.copy(folder / "probe")
    probe.faulty("run", log=log)
    writes = [line.split("\t")[0] for line in log.read_text(errors="replace").splitlines()
              if line.startswith("write:") and "\twrite\t" in line
              and line.endswith("journal.jsonl")]
    torn.faulty("run", fault=f"{writes[5]}:torn")
    return [
        Scenario("new", new, ["run"]),
        Scenario("begun", begun, ["run"]),
        Scenario("torn", torn, ["run"]),
    ]


def points(all_scenarios, every=False):
    """Scenario, place and kind: at every call, or at one of those that come about the same way."""
    seen = set()
    for scenario in all_scenarios:
        for place in scenario.places:
            if place.group not in KINDS or (not every and (place.group, place.stack) in seen):
                continue
            seen.add((place.group, place.stack))
            for kind in KINDS[place.group]:
                if fits(place, kind):
                    yield scenario, place, kind


def fits(place, kind):
    """Can it happen there? A pipe is on no disk, and a stream is written by the C library."""
    if kind == "torn":
        return place.call.startswith(("write", "pwrite"))
    return place.group not in ("write", "read") or not NO_DISK.search(place.call)
