# SPDX-License-Identifier: Apache-2.0
"""The kernel of the machine, from a distribution's package.

apt-get downloads it and checks the signatures; it is unpacked into a cache folder, and
nothing is installed. By default it is the kernel of the release that apt uses on this
machine. Another release of Debian comes from the same mirror: apt is called with lists and
sources of its own then, and with the keys of the package debian-archive-keyring, and takes
nothing that they have not signed.
"""

import contextlib
import glob
import os
import re
import subprocess
import sys
import tempfile
import time
import zlib

MODULES = ("virtio_pci", "virtio_console", "virtiofs", "overlay", "virtio_blk", "ext4")
# Part of the folder's name: one unpacked for other modules does not serve.
MODULES_KEY = f"+{zlib.crc32(' '.join(MODULES).encode()):08x}"
MAX_AGE_S = 24 * 3600
KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg",
            "/usr/share/keyrings/debian-archive-keyring.pgp")


class MachineError(Exception):
    """The machine could not be built, started or kept running: not the command's fault."""


def say(text):
    print(f"vm: {text}", file=sys.stderr, flush=True)


def output_of(*argv, env=None):
    """Standard output of a program, or "" where it fails or does not exist."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL, text=True, check=False, env=env)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


# --- apt -------------------------------------------------------------------------------


class Apt:
    """apt as it is set up on this machine, or as the configuration file CONFIG has it."""

    def __init__(self, config=None):
        self.environment = {**os.environ, "APT_CONFIG": config} if config else None

    def cache(self, *words):
        return output_of("apt-cache", *words, env=self.environment)

    def get(self, *words, **more):
        done = subprocess.run(["apt-get", "-q", *words], env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, **more)
        if done.returncode:
            hint = "" if self.environment else " (try apt-get update)"
            raise MachineError(f"apt-get {words[0]} failed{hint}:\n{done.stdout}")

    def kernel_packages(self):
        """The concrete packages behind the distribution's kernel metapackage, or []."""
        for meta in ("linux-image-cloud-amd64", "linux-image-virtual"):
            found = re.search(r"^ *Depends: (linux-image-\d\S+)", self.cache("depends", meta), re.M)
            if not found:
                continue
            image = found.group(1)
            # Ubuntu ships the modules apart from the image, Debian together with it.
            modules = image.replace("linux-image-", "linux-modules-")
            return [image] + ([modules] if self.cache("show", modules) else [])
        return []

    def version(self, package):
        found = re.search(r"^Version: (\S+)", self.cache("show", package), re.M)
        return f"_{found.group(1)}" if found else ""


# What is taken and what is believed, whatever this machine's own configuration says.
PRIVATE = """
Dir::State "FOLDER"; Dir::State::lists "lists"; Dir::State::status "/dev/null";
Dir::Cache "FOLDER/cache";
Dir::Etc "FOLDER"; Dir::Etc::main "none"; Dir::Etc::parts "empty"; Dir::Etc::sourceparts "empty";
Dir::Etc::trusted "none"; Dir::Etc::trustedparts "empty";
Dir::Etc::netrc "/etc/apt/auth.conf"; Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
APT::Architecture "amd64"; APT::Architectures { "amd64"; };
APT::Update::Error-Mode "any"; APT::Get::AllowUnauthenticated "no";
Acquire::AllowInsecureRepositories "no"; Acquire::AllowWeakRepositories "no";
Acquire::AllowDowngradeToInsecureRepositories "no"; Acquire::Languages "none";
"""


def debian_mirror():
    """Where apt has Debian from on this machine."""
    listed = output_of("apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(SITE)",
                       "Created-By: Packages")
    for line in listed.splitlines():
        origin, label, site = line.split("|", 2)
        if (origin, label) == ("Debian", "Debian"):
            return site
    raise MachineError("apt knows no mirror of Debian here (or has no lists of it: apt-get "
                       "update), and --release takes its kernels from one")


@contextlib.contextmanager
def apt_of_release(release):
    """apt with the packages of RELEASE and of nothing else, in a folder that goes again."""
    keyring = next(filter(os.path.exists, KEYRINGS), None)
    if not keyring:
        raise MachineError("--release needs the package debian-archive-keyring")
    source = f"deb [arch=amd64 signed-by={keyring}] {debian_mirror()} {release} main\n"
    # Proxies and the like: how this machine downloads.
    acquire = re.findall(r"^Acquire::.*", output_of("apt-config", "dump"), re.M)
    with tempfile.TemporaryDirectory(prefix="autoexp-apt-") as folder:
        # Root's apt downloads as a user of its own.
        os.chmod(folder, 0o755)
        for name in ("lists/partial", "cache/archives/partial", "empty"):
            os.makedirs(os.path.join(folder, name))
        config = os.path.join(folder, "config")
        for path, text in (("sources.list", source),
                           (config, "\n".join(acquire) + PRIVATE.replace("FOLDER", folder))):
            with open(os.path.join(folder, path), "w", encoding="utf-8") as file:
                file.write(text)
        apt = Apt(config)
        say(f"fetching the list of packages of {release}")
        apt.get("update")
        yield apt


# --- modules ---------------------------------------------------------------------------


def read_module(path):
    """A kernel module's bytes, unpacked: recent distributions compress them."""
    tools = {".xz": ["xz", "-dc"], ".zst": ["zstd", "-dc"]}
    tool = tools.get(os.path.splitext(path)[1])
    if not tool:
        with open(path, "rb") as file:
            return file.read()
    return subprocess.run(tool + [path], stdout=subprocess.PIPE, check=True).stdout


def collect_modules(tree, names):
    """Modules of an unpacked package with what they depend on, in the order to insert."""
    paths = {}
    for path in glob.glob(os.path.join(tree, "**", "*.ko*"), recursive=True):
        paths[os.path.basename(path).split(".")[0].replace("-", "_")] = path
    order = {}

    def add(name):
        # Not there as a file: built into this kernel, or the start will say what is missing.
        if name in order or name not in paths:
            return
        data = read_module(paths[name])
        depends = re.search(rb"\0depends=([^\0]*)\0", data)
        for other in (depends.group(1).decode().split(",") if depends else []):
            add(other.replace("-", "_"))
        order[name] = data

    for name in names:
        add(name)
    return order


def unpack_kernel(apt, packages, target):
    """Download PACKAGES and leave vmlinuz and numbered modules in the new folder TARGET."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(target)) as scratch:
        say(f"fetching {' '.join(packages)}")
        apt.get("download", *packages, cwd=scratch)
        tree = os.path.join(scratch, "tree")
        for deb in glob.glob(os.path.join(scratch, "*.deb")):
            subprocess.run(["dpkg", "-x", deb, tree], check=True)

        ready = os.path.join(scratch, "ready")
        os.mkdir(ready)
        images = glob.glob(os.path.join(tree, "boot", "vmlinuz-*"))
        if not images:
            raise MachineError(f"no kernel in {' '.join(packages)}")
        os.rename(images[0], os.path.join(ready, "vmlinuz"))
        for number, (name, data) in enumerate(collect_modules(tree, MODULES).items()):
            with open(os.path.join(ready, f"{number:02}-{name}.ko"), "wb") as file:
                file.write(data)
        os.chmod(ready, 0o755)
        try:
            os.rename(ready, target)
        except OSError:
            # Somebody else was quicker, with the same content.
            if not os.path.isdir(target):
                raise


# --- the cache -------------------------------------------------------------------------


def newest_kernel(cache):
    kernels = glob.glob(os.path.join(cache, f"linux-image-*{MODULES_KEY}"))
    return max(kernels, key=os.path.getmtime, default=None)


def fetch_kernel(apt, cache):
    """Folder in CACHE of the kernel that APT offers now, or None where it offers none."""
    packages = apt.kernel_packages()
    if not packages:
        return None
    key = (packages[0] + apt.version(packages[0])).replace("/", "-").replace(":", "-")
    target = os.path.join(cache, key + MODULES_KEY)
    os.makedirs(cache, exist_ok=True)
    if not os.path.isdir(target):
        unpack_kernel(apt, packages, target)
    os.utime(target)
    return target


def find_kernel(release=None):
    """Folder of the unpacked kernel; asks apt at most once a day."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    cache = os.path.join(base, "autoexp-vm", release or "")
    known = newest_kernel(cache)
    if known and time.time() - os.path.getmtime(known) < MAX_AGE_S:
        return known
    try:
        with apt_of_release(release) if release else contextlib.nullcontext(Apt()) as apt:
            found = fetch_kernel(apt, cache)
    except MachineError as error:
        if not known:
            raise
        say(f"{error}\nusing the older {os.path.basename(known)}")
        return known
    if found or known:
        return found or known
    raise MachineError("apt knows no linux-image-cloud-amd64 or linux-image-virtual package; "
                       "the machine needs Debian or Ubuntu on x86-64, with package lists "
                       "(apt-get update)")
