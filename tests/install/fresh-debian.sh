#!/bin/bash
# fresh-debian.sh - the README's two commands on a Debian 12 with nothing installed, each one twice
#
#   sudo tests/install/fresh-debian.sh [--user] [FOLDER]
#
# Makes a minimal Debian in FOLDER (default: one in /var/tmp, kept for the next time), copies the
# committed state of this checkout into it, and there runs `./dev run`, `./dev run`, `./dev stop`,
# `./dev test` and `./dev test`: as root, or with --user as an ordinary user who has sudo.
#
# The Debian is entered in mount, PID, IPC and UTS namespaces of its own; nothing is mounted in the
# caller's.  It shares the caller's network, for apt.  Needs root, debootstrap and 2 GB of disk.
set -euo pipefail

ROOT=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.." && pwd)
WHO=root
[ "${1:-}" != --user ] || { WHO=builder && shift; }
FOLDER=${1:-/var/tmp/coop-fresh}
DEBIAN=$FOLDER/debian SYSTEM=$FOLDER/system

say() { printf '==> %s\n' "$*"; }

# The pristine system is made once; each run gets a copy.
make_debian() {
    [ ! -e "$DEBIAN.done" ] || return 0
    rm -rf "$DEBIAN"
    debootstrap --variant=minbase bookworm "$DEBIAN" >"$FOLDER/debootstrap.log" 2>&1
    rm -rf "$DEBIAN/etc/apt"
    cp -a /etc/apt "$DEBIAN/etc/apt" # the caller's mirror and its keys
    cp -a /usr/share/keyrings/. "$DEBIAN/usr/share/keyrings/"
    : >"$DEBIAN.done"
}

make_system() {
    rm -rf "$SYSTEM"
    cp -a "$DEBIAN" "$SYSTEM"
    cp -L /etc/resolv.conf /etc/hosts "$SYSTEM/etc/"
    if [ $WHO = root ]; then
        HOME_INSIDE=/root
    else
        HOME_INSIDE=/home/$WHO
        in_system apt-get update -qq
        in_system env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends sudo >/dev/null 2>&1
        in_system useradd -m -s /bin/bash $WHO
        echo "$WHO ALL=(ALL) NOPASSWD: ALL" >"$SYSTEM/etc/sudoers.d/$WHO"
    fi
    git clone -q --no-local "$ROOT" "$SYSTEM$HOME_INSIDE/coop"
    in_system chown -R $WHO "$HOME_INSIDE/coop"
}

# in_system COMMAND...: as root, in the new Debian's namespaces.
in_system() {
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --ipc --uts --kill-child --propagation private bash -c '
        set -e
        cd "$1" && shift
        mount --bind . . && cd "$PWD"
        mount -t proc proc proc
        mount --rbind /sys sys && mount --make-rslave sys
        mount -t tmpfs -o mode=755 dev dev
        for node in null zero full random urandom tty; do
            : >"dev/$node" && mount --bind "/dev/$node" "dev/$node"
        done
        mkdir dev/pts dev/shm
        mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
        ln -s pts/ptmx dev/ptmx
        ln -s /proc/self/fd dev/fd && ln -s fd/0 dev/stdin && ln -s fd/1 dev/stdout && ln -s fd/2 dev/stderr
        mount -t tmpfs -o mode=1777 shm dev/shm
        mount -t tmpfs -o mode=1777 tmp tmp
        mkdir -p old && pivot_root . old && umount -l /old && cd /
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LANG=C.UTF-8 "$@"
    ' sh "$SYSTEM" "$@" </dev/null
}

# One entry into the system: the demo has to live from one command to the next.
try_it() {
    # shellcheck disable=SC2016
    in_system runuser -u $WHO -- env "HOME=$HOME_INSIDE" bash -c '
        cd ~/coop
        failed=0
        for words in "run --yes" run stop "test --yes" test; do
            at=$SECONDS
            rc=0
            # shellcheck disable=SC2086
            ./dev $words >~/log 2>&1 || rc=$?
            [ $rc = 0 ] || { failed=1 && tail -n 60 ~/log; }
            printf "    ./dev %-11s rc %d, %3d s: %s\n" "$words" "$rc" $((SECONDS - at)) "$(tail -n 1 ~/log)"
        done
        exit $failed'
}

[ "$(id -u)" = 0 ] || { echo "fresh-debian.sh: needs root, to enter a system of its own" >&2 && exit 1; }
command -v debootstrap >/dev/null || { echo "fresh-debian.sh: needs debootstrap (apt install debootstrap)" >&2 && exit 1; }
mkdir -p "$FOLDER"
say "a bare Debian 12 in $FOLDER"
make_debian
make_system
say "as $WHO, $(git -C "$ROOT" log -1 --format='%h %s')"
try_it
