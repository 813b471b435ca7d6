"""A headless Chromium that opens a page and says what went wrong."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile

NAMES = ('chromium', 'chromium-browser', 'google-chrome')


class NoChromium(Exception):
    """Chromium is not here and cannot be installed; says why."""


def find_chromium():
    """Find Chromium, or install it as root where there is apt-get."""
    if not _found():
        _install()
    if not _found():
        raise NoChromium('after the installation there is no chromium')
    return _found()


def open_page(page, folder):
    """Open an HTML file; return a screenshot and what the console says."""
    picture = folder / 'page.png'
    done = subprocess.run(
        [
            find_chromium(),
            '--headless',
            # Root has no sandbox; the page is our own file.
            '--no-sandbox',
            '--disable-gpu',
            '--hide-scrollbars',
            '--disable-background-networking',
            '--no-first-run',
            '--enable-logging=stderr',
            f'--user-data-dir={folder / "profile"}',
            '--window-size=1200,2400',
            f'--screenshot={picture}',
            page.as_uri(),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    if done.returncode or not picture.is_file():
        raise RuntimeError(f'chromium fails: {done.stdout[-2000:]}')
    said = re.findall(r':CONSOLE[^\]]*\] (.*)', done.stdout)
    return picture, said


def _found():
    return next(filter(None, map(shutil.which, NAMES)), None)


def _install():
    if os.geteuid() or not shutil.which('apt-get'):
        raise NoChromium(
            'there is no chromium, and only root on a system with apt-get '
            'could install it'
        )
    with open(f'{tempfile.gettempdir()}/sema_mm_chromium.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Tests run in several processes.
        if _found():
            return
        words = ('install', '-y', '--no-install-recommends', 'chromium')
        if _apt(*words).returncode:
            _apt('update')
            done = _apt(*words)
            if done.returncode:
                end = done.stdout.strip().splitlines()[-1:]
                raise NoChromium(f'apt-get cannot install it: {end}')


def _apt(*words):
    try:
        return subprocess.run(
            ['apt-get', *words, '-o', 'DPkg::Lock::Timeout=120'],
            env=dict(os.environ, DEBIAN_FRONTEND='noninteractive'),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
    except subprocess.TimeoutExpired as error:
        raise NoChromium('apt-get takes more than 5 minutes') from error
