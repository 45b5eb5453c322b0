#!/bin/bash
# install.sh PACKAGE... - the only part of ./dev that runs as root
#
# Debian packages start their daemons when they are installed.  coop wants nginx and redis as
# programs, not as running services of this machine, so while apt runs a policy-rc.d refuses
# every start, and units that came with these packages are left disabled.  A policy-rc.d that was
# there before is put back afterwards, also after Ctrl-C; after a SIGKILL the next run does it.
set -euo pipefail

POLICY=/usr/sbin/policy-rc.d
SAVED=$POLICY.before-coop
MARK='# coop ./dev: hold daemons back while installing'
LOG=$(mktemp /tmp/coop-setup.XXXXXX)

ours() { [ -f "$POLICY" ] && grep -qF "$MARK" "$POLICY"; }
there() { [ -e "$1" ] || [ -L "$1" ]; }

release() {
    ! ours || rm -f "$POLICY"
    ! there "$SAVED" || mv -f "$SAVED" "$POLICY"
    rm -f "$LOG"
}

hold() {
    ! ours || rm -f "$POLICY" # a killed run left it
    if there "$POLICY" && ! there "$SAVED"; then
        mv "$POLICY" "$SAVED"
    fi
    printf '#!/bin/sh\n%s\nexit 101\n' "$MARK" >"$POLICY"
    chmod 755 "$POLICY"
}

apt() {
    DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
        apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" 2>&1
}

# progress: one line that moves on a terminal, a line per twenty packages elsewhere.
progress() {
    tee -a "$LOG" | awk -v tty="$1" '
        /newly installed/ { total = $3 }
        /^Get:/           { got++; what = "fetching " $5 }
        /^Unpacking /     { what = "unpacking " $2 }
        /^Setting up /    { done++; what = "installing " $3; if (!tty && done % 20 == 0) print "    " done " of " total }
        tty && what       { printf "\r\033[K    %d of %d  %.60s", done, total, what; fflush() }
        END               { if (tty) printf "\r\033[K"; if (done) print "    " done (done == 1 ? " package" : " packages") " installed" }' >&2
}

install_all() { apt install --no-install-recommends "$@" | progress "$([ -t 2 ] && echo 1 || true)"; }

# candidates PACKAGE...: does apt know a version of every one?  A fresh image has no lists at all.
candidates() {
    local package
    for package; do
        apt-cache policy "$package" 2>/dev/null | grep 'Candidate: [0-9]' >/dev/null || return 1
    done
}

refresh() {
    printf '    reading the package lists (apt-get update)\n' >&2
    apt update >>"$LOG" || {
        tail -n 5 "$LOG" >&2
        printf 'dev: apt-get update failed: is the network there?\n' >&2
        exit 1
    }
}

disable_units() {
    local unit
    for unit; do
        if command -v systemctl >/dev/null; then
            systemctl --quiet disable "$unit.service" >/dev/null 2>&1 || true
        elif command -v update-rc.d >/dev/null; then
            update-rc.d "$unit" disable >/dev/null 2>&1 || true
        fi
        printf '    %s: installed, not started, not enabled at boot\n' "$unit" >&2
    done
}

main() {
    local package daemons=()
    exec 9>"$([ -d /run/lock ] && echo /run/lock || echo /tmp)/coop-setup.lock"
    flock 9
    trap release EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    hold
    candidates "$@" || refresh
    # Lists that are older than the archive name files that are gone: refresh once and try again.
    install_all "$@" || { refresh && install_all "$@"; } || {
        tail -n 15 "$LOG" >&2
        exit 1
    }
    for package; do
        case $package in
            nginx | redis-server) daemons+=("$package") ;;
        esac
    done
    disable_units ${daemons[@]+"${daemons[@]}"}
}

main "$@"
