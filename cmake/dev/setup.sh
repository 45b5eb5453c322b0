# setup.sh - which packages a verb needs, and who does the work
#
# Only apt runs as root.  Called through sudo, ./dev installs what is missing and then goes on as
# the user who called sudo; called by an ordinary user it uses sudo for apt alone.  So no file
# under build/ ever belongs to root unless root owns the whole tree.

# packages_of GROUP: Debian names; a group contains the ones it builds on.
packages_of() {
    local build="gcc libc6-dev cmake ninja-build pkg-config libcap-dev libseccomp-dev libinih-dev libjansson-dev"
    local demo="nginx redis-server curl" house="g++ binutils" lint="libcriterion-dev clang clang-format clang-tidy"
    local vm="qemu-system-x86 cpio busybox-static"
    local aarch64="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user gdb-multiarch"
    local work="make python3 nodejs git sqlite3 imagemagick bsdutils"
    case $1 in
        build) echo "$build" ;;
        demo) echo "$build $demo" ;;
        lint) echo "$build $lint" ;;
        test) echo "$build $house libcriterion-dev procps uidmap" ;;
        full) echo "$build $house $demo $lint $vm $aarch64 valgrind gdb procps bubblewrap uidmap tini dumb-init $work" ;;
        bench) echo "$build bubblewrap golang-go runit s6 supervisor" ;;
        vm) echo "$build $house libcriterion-dev procps uidmap $vm" ;;
        *) die "there is no package group '$1'" "build, demo, test, bench and vm exist" ;;
    esac
}

# missing_of PACKAGE...: those that are not installed, in the given order.
missing_of() {
    local installed package
    installed=" $(dpkg-query -W -f='${Package}:${db:Status-Status} ' "$@" 2>/dev/null || true)"
    for package; do
        [[ $installed == *" $package:installed "* ]] || echo "$package"
    done
}

# ask QUESTION: yes unless the answer says no; without a terminal there is nobody to ask.
ask() {
    local answer
    [ -z "${ASSUME_YES:-}" ] && [ "${CI:-}" != true ] || return 0
    [ -t 0 ] || die "packages are missing and there is no terminal to ask: ${MISSING[*]}" \
        "say --yes to install them, or install them yourself"
    read -r -p "$1 [Y/n] " answer || return 1
    [[ ! $answer =~ ^[Nn] ]]
}

# setup_packages GROUP: everything of the group is installed afterwards.
setup_packages() {
    local words list=() as_root=()
    words=$(packages_of "$1") || exit 1
    read -r -a list <<<"$words"
    have dpkg-query || die "this script installs with apt and found no dpkg here" \
        "install by hand what stands for: ${list[*]}"
    mapfile -t MISSING < <(missing_of "${list[@]}")
    [ ${#MISSING[@]} -gt 0 ] || return 0

    if [ "$(id -u)" != 0 ]; then
        have sudo || die "packages are missing and installing them needs root: ${MISSING[*]}" \
            "as root: apt-get install ${MISSING[*]}"
        [ -t 0 ] || sudo -n true 2>/dev/null || die "packages are missing and sudo wants a password without a terminal: ${MISSING[*]}" \
            "as root: ./dev setup $1 --yes"
        as_root=(sudo)
    fi
    title "packages needed for '$1' that are not here yet"
    note "${MISSING[*]}"
    ask "Install them with apt-get (daemons among them are not started)?" ||
        die "nothing installed" "apt-get install ${MISSING[*]}"
    ${as_root[@]+"${as_root[@]}"} bash "$ROOT/cmake/dev/install.sh" "${MISSING[@]}" ||
        die "apt-get could not install: ${MISSING[*]}"
    # What apt says and what is there are two things.
    mapfile -t MISSING < <(missing_of "${list[@]}")
    [ ${#MISSING[@]} -eq 0 ] || die "still not installed: ${MISSING[*]}"
}

# leave_root VERB [WORD...]: under sudo, starts over as the user who called it; else returns.
leave_root() {
    local user=${SUDO_USER:-root} home
    [ "$(id -u)" = 0 ] && [ "$user" != root ] || return 0
    runuser -u "$user" -- test -w "$ROOT" || return 0 # root's own tree: stay root
    home=$(getent passwd "$user" | cut -d: -f6)
    exec runuser -u "$user" -- env -u SUDO_USER -u SUDO_UID -u SUDO_GID -u XDG_RUNTIME_DIR \
        HOME="$home" USER="$user" LOGNAME="$user" "$ROOT/dev" "$@"
}

# own_tree: the tree must be ours to write, or the first compiler message would be a riddle.
own_tree() {
    local place
    for place in "$ROOT" "$ROOT/build" "$ROOT"/build/*/; do
        [ ! -e "$place" ] || [ -w "$place" ] ||
            die "$place belongs to $(stat -c %U "$place") and $(id -un) cannot write to it" \
                "chown it, or remove it: it is made again"
    done
}

# ready GROUP VERB [WORD...]: packages there, root left, tree writable.
ready() {
    local group=$1
    shift
    setup_packages "$group"
    leave_root "$@"
    own_tree
}

setup_verb() {
    [ $# -le 1 ] || die "setup takes one word: build, demo, test, bench or vm"
    setup_packages "${1:-build}"
    title "everything for '${1:-build}' is installed"
}
