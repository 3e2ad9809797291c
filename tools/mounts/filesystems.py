"""File systems that are mounted for a while: images in files, and folders served to this machine.

Each is made in a temporary folder, needs root and FUSE, and talks to 127.0.0.1 at most.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MOUNT_S = 60.0  # a mount that takes longer hangs
IMAGE_BYTES = 256 << 20
SFTP = "/usr/lib/openssh/sftp-server"

Mount = Callable[[Path], AbstractContextManager[None]]


class NotTriedError(Exception):
    """A file system that is not to be had here; the message says why."""


@dataclass(frozen=True)
class Storage:
    """Where files lie, and how to mount it.

    Attributes:
        mount: mounts it at a folder for a while.
        behind: the folder in which the files lie as they are, if there is one.
        shared: whether it can be mounted twice at once, each time with caches of its own.
        settles_s: seconds after which what was written through one mount is behind it.
        cannot: step of a trial → why nothing can take it there.
    """

    mount: Mount
    behind: Path | None = None
    shared: bool = False
    settles_s: float = 0.0
    cannot: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FileSystem:
    """One row of the table: a name, what it needs, and how its storage is made in a folder."""

    name: str
    programs: tuple[str, ...]
    make: Callable[[Path, ExitStack], Storage]

    def ready(self, work: Path, stack: ExitStack) -> Storage:
        """Return its storage, made in the folder `work`; what it takes is given back by `stack`.

        Raises:
            NotTriedError: it is not to be had here.
        """
        if not Path("/dev/fuse").exists():
            raise NotTriedError("there is no /dev/fuse")
        lacking = [it for it in self.programs if not shutil.which(it)]
        if lacking:
            raise NotTriedError(f"{', '.join(lacking)} not installed")
        return self.make(work, stack)


def is_mounted(at: Path) -> bool:
    """Return whether something is mounted at a folder, without a look into it."""
    lines = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    return any(line.split(" ")[1] == str(at) for line in lines)


def run(*command: str) -> str:
    """Run a command that has to work; return what it says.

    Raises:
        NotTriedError: it does not.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=MOUNT_S)
    except subprocess.TimeoutExpired:
        raise NotTriedError(f"{command[0]} hangs") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise NotTriedError(f"{command[0]}: {said[0]}")
    return done.stdout.strip()


@contextlib.contextmanager
def mounted(at: Path, *command: str) -> Iterator[None]:
    """Keep a command running, or let it go into the background, that mounts something at `at`."""
    at.mkdir(exist_ok=True)
    with (at.parent / f"{at.name}.said").open("ab") as said:
        server = subprocess.Popen(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL)
    try:
        _await_mount(at, server)
        yield
    finally:
        unmount(at)
        if _ended(server, MOUNT_S) is None:
            server.kill()
            server.wait()


def _await_mount(at: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + MOUNT_S
    while not is_mounted(at):
        if server.poll() or time.monotonic() > deadline:
            said = (at.parent / f"{at.name}.said").read_text(errors="replace").strip()
            raise NotTriedError(f"it cannot be mounted: {said.rpartition(chr(10))[2]}")
        time.sleep(0.05)


def _ended(server: subprocess.Popen[bytes], patience_s: float) -> int | None:
    try:
        return server.wait(patience_s)
    except subprocess.TimeoutExpired:
        return None


def unmount(at: Path) -> None:
    """Unmount a folder; one that is still in use after a while is let go of."""
    for attempt in range(20):
        if not is_mounted(at):
            return
        command = ["umount", *(["-l"] if attempt > 10 else []), str(at)]  # noqa: PLR2004
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(command, capture_output=True, check=False, timeout=MOUNT_S)
        time.sleep(0.2)
    print(f"{at} cannot be unmounted: do so by hand", file=sys.stderr)


def plain(work: Path, _stack: ExitStack) -> Storage:
    """Return a folder as it is: what is wrong here is wrong everywhere."""
    (work / "behind").mkdir()
    return Storage(lambda at: _link(work / "behind", at), work / "behind")


@contextlib.contextmanager
def _link(folder: Path, at: Path) -> Iterator[None]:
    at.symlink_to(folder)
    try:
        yield
    finally:
        at.unlink()


def _image(work: Path) -> str:
    path = work / "image"
    with path.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    return str(path)


def exfat(work: Path, stack: ExitStack) -> Storage:
    """Return an exFAT image: no hard links, no case, no `?` in names."""
    image = _image(work)
    run("mkfs.exfat", image)
    device = run("losetup", "--find", "--show", image)
    stack.callback(lambda: run("losetup", "--detach", device))
    return Storage(lambda at: mounted(at, "mount.exfat-fuse", device, str(at)))


def vfat(work: Path, _stack: ExitStack) -> Storage:
    """Return a FAT image, which takes a kernel that knows it."""
    image = _image(work)
    run("mkfs.vfat", image)
    at = work / "tried"
    at.mkdir()
    run("mount", "-o", "loop", "-t", "vfat", image, str(at))
    unmount(at)
    return Storage(lambda at: mounted(at, "mount", "-o", "loop", "-t", "vfat", image, str(at)))


def ntfs(work: Path, _stack: ExitStack) -> Storage:
    """Return an NTFS image."""
    image = _image(work)
    run("mkfs.ntfs", "-F", "-q", image)
    return Storage(lambda at: mounted(at, "ntfs-3g", "-o", "no_detach", image, str(at)))


def bindfs(work: Path, _stack: ExitStack) -> Storage:
    """Return a folder that is passed through FUSE, nothing else."""
    behind = work / "behind"
    behind.mkdir()
    return Storage(lambda at: mounted(at, "bindfs", "-f", str(behind), str(at)), behind)


def rclone(
    *options: str, settles_s: float, cannot: Mapping[str, str] | None = None
) -> Callable[[Path, ExitStack], Storage]:
    """Return what makes a folder that rclone serves, with these options."""

    def make(work: Path, _stack: ExitStack) -> Storage:
        behind, config = work / "behind", work / "rclone.conf"
        behind.mkdir()
        config.touch()

        def mount(at: Path) -> AbstractContextManager[None]:
            own = ("--config", str(config), "--cache-dir", f"{at}.cache")
            return mounted(at, "rclone", "mount", str(behind), str(at), *own, *options)

        return Storage(mount, behind, shared=True, settles_s=settles_s, cannot=cannot or {})

    return make


def sshfs(work: Path, stack: ExitStack) -> Storage:
    """Return a folder behind an SSH server of its own, on this machine."""
    behind = work / "behind"
    behind.mkdir()
    for key in ("host", "user"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(work / key))
    port = _serve_ssh(work, stack)
    options = (
        f"port={port},IdentityFile={work / 'user'},UserKnownHostsFile=/dev/null,"
        "StrictHostKeyChecking=no,ServerAliveInterval=5"
    )
    source = f"root@127.0.0.1:{behind}"

    def mount(at: Path) -> AbstractContextManager[None]:
        return mounted(at, "sshfs", "-f", source, str(at), "-F", "/dev/null", "-o", options)

    return Storage(mount, behind, shared=True)


def _serve_ssh(work: Path, stack: ExitStack) -> int:
    """Start an SSH server with keys of its own; return its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    (work / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {work / 'host'}\n"
        f"AuthorizedKeysFile {work / 'user.pub'}\nPermitRootLogin prohibit-password\n"
        "PasswordAuthentication no\nUsePAM no\nStrictModes no\nPidFile none\n"
        f"Subsystem sftp {SFTP}\n",
        encoding="utf-8",
    )
    private = Path("/run/sshd")  # that sshd will have
    if not private.exists():
        private.mkdir(mode=0o755)
        stack.callback(private.rmdir)
    command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(work / "sshd_config")]
    with (work / "sshd.said").open("ab") as said:
        server = subprocess.Popen(command, stdout=said, stderr=said)
    stack.callback(server.wait)
    stack.callback(server.terminate)
    deadline = time.monotonic() + MOUNT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return port
        time.sleep(0.05)
    raise NotTriedError("sshd does not answer")


FILE_SYSTEMS = (
    FileSystem("plain folder", (), plain),
    FileSystem("bindfs", ("bindfs",), bindfs),
    FileSystem("exFAT", ("mkfs.exfat", "mount.exfat-fuse", "losetup"), exfat),
    FileSystem("FAT", ("mkfs.vfat",), vfat),
    FileSystem("NTFS", ("mkfs.ntfs", "ntfs-3g"), ntfs),
    FileSystem("sshfs", ("sshfs", "ssh", "sshd", "ssh-keygen"), sshfs),
    FileSystem(
        "rclone",
        ("rclone",),
        rclone(settles_s=5.0, cannot={"ranks": "a file that is open cannot be read there"}),
    ),
    FileSystem(
        "rclone, cached writes", ("rclone",), rclone("--vfs-cache-mode", "writes", settles_s=60.0)
    ),
)
