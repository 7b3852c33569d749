# SPDX-License-Identifier: BSD-2-Clause
"""A private apt: Debian packages of any suite and architecture, downloaded and unpacked, never
installed. The machine's own apt is not touched; only its proxy settings are read. Signatures are
checked against the keys of debian-archive-keyring."""
import glob
import os
import re
import subprocess
import time

from . import base
from .base import Error, Settings, say

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MAX_AGE = 14 * 24 * 3600	# lists older than this (seconds) are fetched again when needed


def mirror():
    """The Debian mirror that this machine's apt uses."""
    names = ["/etc/apt/sources.list"] + sorted(glob.glob("/etc/apt/sources.list.d/*"))
    for name in names:
        try:
            with open(name) as f:
                text = f.read()
        except OSError:
            continue
        for line in text.splitlines():
            line = line.split("#")[0]
            found = re.match(r"\s*(?:deb\s.*?|URIs:\s*)(https?://\S+/debian)/?(?:\s|$)", line)
            if found and re.search(r"debian", line):
                return found.group(1)
    raise Error("apt's sources name no Debian mirror: add one to /etc/apt/sources.list")


def network_hint(error):
    return "; is there a network?" if re.search(r"resolv|connect|unreachable", str(error), re.I) else ""


class Apt:
    """One suite for one architecture: lists, downloads and resolution of dependencies."""

    def __init__(self, suite, arch, also=()):
        self.suite, self.arch, self.also = suite, arch, tuple(also)
        self.root = base.cache("apt", "%s-%s" % ("+".join((suite,) + self.also), arch))

    def env(self):
        env = dict(os.environ)
        env["APT_CONFIG"] = os.path.join(self.root, "apt.conf")
        env["LC_ALL"] = "C"
        return env

    def setup(self):
        for part in ("lists/partial", "archives/partial", "etc/preferences.d", "etc/trusted.gpg.d", "state"):
            base.ensure_dir(os.path.join(self.root, part))
        status = os.path.join(self.root, "state", "status")
        open(status, "a").close()
        if not os.path.exists(KEYRING):
            raise Error("no %s: install the package debian-archive-keyring" % KEYRING)
        suites = " ".join((self.suite,) + self.also)
        sources = os.path.join(self.root, "etc", "sources.list")
        with open(sources + ".sources", "w") as f:
            f.write("Types: deb deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n"
                    % (mirror(), suites, KEYRING))
        os.makedirs(os.path.join(self.root, "etc", "sources.list.d"), exist_ok=True)
        os.replace(sources + ".sources",
                   os.path.join(self.root, "etc", "sources.list.d", "debian.sources"))
        conf = {
            "APT::Architecture": self.arch, "APT::Architectures": self.arch,
            "APT::Install-Recommends": "false", "APT::Sandbox::User": "",
            "Acquire::Languages": "none", "Acquire::Retries": "3",
            "Dir::State": os.path.join(self.root, "state"),
            "Dir::State::lists": os.path.join(self.root, "lists"),
            "Dir::State::status": status,
            "Dir::Cache": self.root,
            "Dir::Cache::archives": os.path.join(self.root, "archives"),
            "Dir::Etc::sourcelist": sources,
            "Dir::Etc::sourceparts": os.path.join(self.root, "etc", "sources.list.d"),
            "Dir::Etc::preferences": os.path.join(self.root, "etc", "preferences"),
            "Dir::Etc::preferencesparts": os.path.join(self.root, "etc", "preferences.d"),
            "Dir::Etc::trustedparts": os.path.join(self.root, "etc", "trusted.gpg.d"),
        }
        with open(os.path.join(self.root, "apt.conf"), "w") as f:
            for key, value in conf.items():
                f.write('%s "%s";\n' % (key, value))
            f.write("#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n"
                    "#clear DPkg::Post-Invoke;\n#clear Acquire::IndexTargets::deb::DEP-11;\n"
                    "#clear Acquire::IndexTargets::deb::CNF;\n")

    def tool(self, *argv, cwd=None, may_fail=False):
        done = subprocess.run(argv, env=self.env(), stdin=subprocess.DEVNULL, cwd=cwd,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode and not may_fail:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            lines = [l for l in lines if l.startswith("E:")] or lines
            raise Error("%s: %s" % (" ".join(argv[:2]), " ".join(lines[:2])[:300] or "failed"))
        return done.stdout.decode("utf-8", "replace")

    def update(self, force=False):
        """Fetches the lists if there are none or they are old. Without a network old ones do."""
        self.setup()
        stamp = os.path.join(self.root, "updated")
        have = os.path.exists(stamp)
        if have and not force and time.time() - os.path.getmtime(stamp) < MAX_AGE:
            return
        say("fetching Debian's package lists (%s, %s)" % (" ".join((self.suite,) + self.also), self.arch))
        try:
            self.tool("apt-get", "update", "-qq", "--error-on=any")
        except Error as error:
            if have:
                base.warn("package lists not refreshed (%s)" % error)
                return
            raise Error("Debian's package lists for %s (%s) are not cached and cannot be fetched%s (%s)"
                        % (self.suite, self.arch, network_hint(error), error))
        with open(stamp, "w") as f:
            f.write("ok\n")

    def resolve(self, names, no_depends=False):
        """[(file name, URI, bytes)] of NAMES and, unless NO_DEPENDS, of all they depend on."""
        self.update()
        # With an empty folder of archives: what is in the cache already would not be listed.
        nothing = "Dir::Cache::archives=" + base.ensure_dir(os.path.join(self.root, "nothing"))
        base.ensure_dir(os.path.join(self.root, "nothing", "partial"))
        if no_depends:
            out = self.tool("apt-get", "download", "-o", nothing, "--print-uris", *names)
        else:
            try:
                out = self.tool("apt-get", "install", "-qq", "-y", "-o", nothing, "--print-uris",
                                "--no-install-recommends", *names)
            except Error as error:
                unknown = re.findall(r"Unable to locate package (\S+)|Package '(\S+)' has no", str(error))
                if unknown:
                    raise Error("Debian %s has no package %s" % (self.suite, " ".join(a or b for a, b in unknown)))
                raise
        found = re.findall(r"^'([^']+)' (\S+) (\d+)", out, re.M)
        return [(name, uri, int(size)) for uri, name, size in found]

    def download(self, names, no_depends=False):
        """Paths of the .deb files of NAMES (and their dependencies), in the cache."""
        with base.locked("apt-%s-%s" % (self.suite, self.arch)):
            wanted = self.resolve(names, no_depends)
            if not wanted:
                raise Error("Debian %s has no package %s" % (self.suite, " ".join(names)))
            store = os.path.join(self.root, "archives")
            missing = [w for w in wanted if not os.path.exists(os.path.join(store, w[0]))]
            if missing:
                size = sum(w[2] for w in missing)
                say("downloading %d Debian package%s, %.1f MB (%s)" % (
                    len(missing), "s"[:len(missing) > 1], size / 1e6,
                    ", ".join(w[0].split("_")[0] for w in missing[:6]) + (", ..." if len(missing) > 6 else "")))
                self.fetch_debs(names, no_depends, store)
            return [os.path.join(store, w[0]) for w in wanted]

    def fetch_debs(self, names, no_depends, store):
        """Fetches what is missing; if the mirror's pool is newer than our lists, with new ones."""
        def fetch():
            if no_depends:
                self.tool("apt-get", "download", "-qq", *names, cwd=store)
            else:
                self.tool("apt-get", "install", "-qq", "-y", "--download-only", "--no-install-recommends",
                          *names)
        try:
            fetch()
        except Error as error:
            if not re.search(r" 404 |mismatch", str(error)):
                raise self.unreachable(names, error)
            say("trying again with new package lists (%s)" % str(error)[:200])
            self.update(force=True)
            try:
                fetch()
            except Error as error:
                raise self.unreachable(names, error)

    @staticmethod
    def unreachable(names, why):
        return Error("not cached, and cannot be downloaded%s: %s (%s)"
                     % (network_hint(why), " ".join(names), str(why)[:200]))

    def depends(self, name):
        """The packages that NAME depends on directly."""
        self.update()
        out = self.tool("apt-cache", "depends", "--no-recommends", "--no-suggests", name)
        return re.findall(r"^\s*\|?Depends: (\S+)", out, re.M)

    def source(self, name, version, where):
        """The upstream archive of source package NAME, in WHERE: VERSION, or the suite's if that is gone."""
        with base.locked("apt-%s-%s" % (self.suite, self.arch)):
            self.update()
            try:
                self.tool("apt-get", "source", "-qq", "--tar-only", "--download-only", "%s=%s" % (name, version), cwd=where)
            except Error:
                base.warn("Debian has no %s %s any more: taking the suite's" % (name, version))
                self.update(force=True)
                self.tool("apt-get", "source", "-qq", "--tar-only", "--download-only", name, cwd=where)


def unpack_deb(deb, where):
    base.run(["dpkg-deb", "-x", deb, where], "unpacking " + os.path.basename(deb))
