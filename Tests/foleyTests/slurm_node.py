#!/usr/bin/env python3
"""A Slurm cluster of one node, with ports, key and state of its own.

    slurm_node.py FOLDER OWNER

Starts munged, slurmctld and slurmd in the new folder (no blanks in its name), prints "ready PID" or why that cannot be,
and goes on in the background until the process PID gets SIGTERM or the process OWNER is gone. Then the folder goes, too.
"""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

folder, owner = Path(sys.argv[1]), int(sys.argv[2])
told, tell = os.pipe()
if os.fork():
    os.close(tell)
    print(os.fdopen(told).read())
    sys.exit()

# What a test runner has open and blocks must not be inherited: it would wait for it for ever.
os.setsid()
null = os.open(os.devnull, os.O_RDWR)
for descriptor in range(3):
    os.dup2(null, descriptor)
os.closerange(3, tell)
os.closerange(tell + 1, 4096)
signal.pthread_sigmask(signal.SIG_SETMASK, [])
os.environ["PATH"] += ":/usr/sbin:/usr/local/sbin"
os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
daemons = []


def end(*_):
    for daemon in reversed(daemons):
        daemon.terminate()
        try:
            daemon.wait(5)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def start(*command):
    daemons.append(subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))


def give_up(reason):
    os.write(tell, reason.encode())
    os.close(tell)
    end()


def wait(reason, condition):
    until = time.monotonic() + 30
    while not condition():
        if time.monotonic() > until or any(daemon.poll() is not None for daemon in daemons):
            give_up(reason)
        time.sleep(0.1)


def is_idle():
    state = subprocess.run(["sinfo", "--noheader", "--format=%T"], capture_output=True, text=True)
    return state.stdout.startswith("idle")


signal.signal(signal.SIGTERM, end)
for program in "munged", "slurmctld", "slurmd", "sbatch":
    if not shutil.which(program):
        give_up(f"{program} is not installed")

# Whoever has a ticket must be able to reach the socket, and nobody the key.
for name, mode in ("", 0o755), ("socket", 0o755), ("state", 0o755), ("spool", 0o755), ("key", 0o700):
    (folder / name).mkdir(mode)
    (folder / name).chmod(mode)
key = folder / "key/key"
key.write_bytes(os.urandom(1024))
key.chmod(0o400)
host = socket.gethostname().split(".")[0]
user = pwd.getpwuid(os.getuid()).pw_name
port = random.randrange(20_000, 60_000)
(folder / "slurm.conf").write_text(f"""ClusterName=foley
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={port + 1}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/socket/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
""")

start("munged", "--foreground", f"--key-file={key}", f"--socket={folder}/socket/munge", f"--pid-file={folder}/key/pid",
      f"--log-file={folder}/key/log", f"--seed-file={folder}/key/seed")
wait("munged makes no socket", (folder / "socket/munge").exists)
start("slurmctld", "-D")
start("slurmd", "-D")
wait("the node does not become ready", is_idle)
os.write(tell, f"ready {os.getpid()}".encode())
os.close(tell)
while Path(f"/proc/{owner}").exists():
    time.sleep(0.2)
end()
