# SPDX-License-Identifier: Apache-2.0
"""Where tests/vm/run has its kernels from, and what it does not take."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "vm"))

import kernel  # noqa: E402

pytestmark = pytest.mark.skipif(
    not shutil.which("apt-get") or not any(map(os.path.exists, kernel.KEYRINGS)),
    reason="native: needs apt and debian-archive-keyring")


@pytest.fixture
def unsigned_mirror(monkeypatch):
    """A mirror with everything but a signature."""
    with tempfile.TemporaryDirectory() as folder:
        # pytest's own folders are closed, and root's apt reads as a user of its own.
        os.chmod(folder, 0o755)
        dist = pathlib.Path(folder, "dists", "nobody")
        packages = dist / "main" / "binary-amd64" / "Packages"
        packages.parent.mkdir(parents=True)
        packages.write_text("")
        digest = hashlib.sha256(b"").hexdigest()
        (dist / "Release").write_text(
            "Origin: Debian\nLabel: Debian\nCodename: nobody\nSuite: nobody\nComponents: main\n"
            "Architectures: amd64\nDate: Wed, 01 Jan 2020 10:00:00 UTC\n"
            f"SHA256:\n {digest} 0 main/binary-amd64/Packages\n")
        monkeypatch.setattr(kernel, "debian_mirror", lambda: f"file:{folder}")
        monkeypatch.setenv("XDG_CACHE_HOME", f"{folder}/cache")
        yield


def test_a_kernel_that_nobody_signed_is_not_taken(unsigned_mirror):
    with pytest.raises(kernel.MachineError, match="is not signed"):
        kernel.find_kernel("nobody")


def test_a_name_that_is_no_release_is_refused():
    done = subprocess.run([REPOSITORY / "tests/vm/run", "--release", "../etc", "--", "true"],
                          stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert "no name of a release" in done.stderr
