"""A real Slurm of one node on this machine, for as long as a test runs.

It has a configuration, a key, folders and ports of its own, so that it does
not meet a Slurm that is installed for use.
"""

import fcntl
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ('munged', 'slurmctld', 'slurmd', 'srun', 'sbatch', 'scontrol')
PACKAGES = ('slurm-wlm', 'munge')
#: Programs of the administrator are not in everybody's path.
PATH = os.pathsep.join([os.environ['PATH'], '/usr/sbin', '/sbin'])

CONFIG = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
AuthType=auth/munge
CredType=cred/munge
# A job that was requeued waits until its credentials have expired.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
# Take the cores below for granted.
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
MailProg=/bin/true
NodeName=here NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2
PartitionName=tests Nodes=here Default=YES State=UP
"""


class NoSlurm(Exception):
    """Slurm is not here and cannot be installed; says why."""


def find_slurm():
    """Find Slurm's programs, or install them."""
    if _missing():
        _install()
    if _missing():
        raise NoSlurm(f'after the installation there is no {_missing()[0]}')


def _missing():
    return [name for name in PROGRAMS if not shutil.which(name, path=PATH)]


def _install():
    if os.geteuid() or not shutil.which('apt-get'):
        raise NoSlurm(
            f'there is no {_missing()[0]}, and only root on a system with '
            'apt-get could install it'
        )
    with open(f'{tempfile.gettempdir()}/sema_mm_slurm.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Tests run in several processes.
        if not _missing():
            return
        words = ('install', '-y', '--no-install-recommends', *PACKAGES)
        if _apt(*words).returncode:
            _apt('update')
            done = _apt(*words)
            if done.returncode:
                end = done.stdout.strip().splitlines()[-1:]
                raise NoSlurm(f'apt-get cannot install it: {end}')


def _apt(*words):
    """Run apt-get; its packages start nothing."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ('invoke-rc.d', 'deb-systemd-invoke'):
            program = Path(folder) / name
            program.write_text('#!/bin/sh\nexit 0\n')
            program.chmod(0o755)
        env = dict(
            os.environ,
            DEBIAN_FRONTEND='noninteractive',
            PATH=f'{folder}{os.pathsep}{PATH}',
        )
        try:
            return subprocess.run(
                ['apt-get', *words, '-o', 'DPkg::Lock::Timeout=120'],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=300,
            )
        except subprocess.TimeoutExpired as error:
            raise NoSlurm('apt-get takes more than 5 minutes') from error


class SlurmCluster:
    """One node with two cores, and the partition ``tests``."""

    def __enter__(self):
        find_slurm()
        # Short, as it holds a socket; others must be able to reach it.
        self.folder = Path(tempfile.mkdtemp(prefix='slurm'))
        self.folder.chmod(0o755)
        self.environment = {'SLURM_CONF': str(self.folder / 'slurm.conf')}
        self._daemons = []
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if len(self._daemons) == 3:
            self._end_jobs()
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, *words, check=True, **variables):
        """Run a program of Slurm and return what it prints."""
        return subprocess.run(
            words,
            env={**os.environ, 'PATH': PATH, **variables, **self.environment},
            check=check,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        ).stdout.strip()

    def jobs(self, columns='%A'):
        """Return the columns of squeue, a line for each job."""
        return self.call('squeue', '-h', '-o', columns).splitlines()

    def _start(self):
        (self.folder / 'state').mkdir()
        (self.folder / 'spool').mkdir()
        (self.folder / 'slurm.conf').write_text(
            CONFIG.format(
                host=socket.gethostname().split('.')[0],
                user=getpass.getuser(),
                folder=self.folder,
                ports=_free_ports(2),
            )
        )
        key = self.folder / 'key'
        key.touch(0o600)
        key.write_bytes(os.urandom(64))
        munge = dict(socket='munge.socket', pid='munge.pid', seed='seed')
        self._daemon(
            'munged',
            '--foreground',
            '--force',
            f'--key-file={key}',
            f'--socket={self.folder / munge["socket"]}',
            f'--pid-file={self.folder / munge["pid"]}',
            f'--seed-file={self.folder / munge["seed"]}',
        )
        wait_for(lambda: (self.folder / munge['socket']).exists(), 20, self)
        self._daemon('slurmctld', '-D')
        self._daemon('slurmd', '-D', '-N', 'here')
        idle = ('sinfo', '-h', '-o', '%T')
        wait_for(lambda: self.call(*idle, check=False) == 'idle', 60, self)

    def _daemon(self, name, *words):
        with open(self.folder / f'{name}.log', 'w') as log:
            self._daemons.append(
                subprocess.Popen(
                    [shutil.which(name, path=PATH), *words],
                    env={**os.environ, **self.environment, 'PATH': PATH},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    def _end_jobs(self):
        for job in self.jobs():
            self.call('scancel', '--full', '--signal=KILL', job, check=False)
            self.call('scancel', job, check=False)
        wait_for(lambda: not self.jobs(), 60, self)

    def __str__(self):
        """Give the logs, for the message of a failure."""
        logs = sorted(self.folder.glob('*.log'))
        return '\n'.join(f'{log.name}: {log.read_text()}' for log in logs)


def wait_for(condition, seconds, state='', pause=0.2):
    """Wait until a condition holds, or fail with the state."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f'not so within {seconds} s: {state}')
        time.sleep(pause)


def _free_ports(count):
    sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
