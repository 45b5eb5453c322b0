# build.sh - configure, build, install check, lint

# in_slot COMMAND...: a place to hook a build queue in; on an ordinary machine just the command.
in_slot() { ${COOP_BUILD_SLOT:-} "$@"; }

# build_preset PRESET [CMAKE-ARGUMENT...]: configure only what was never configured or is asked to
# change; ninja itself notices edited CMake files.
build_preset() {
    local preset=$1 dir=build/$1
    shift
    if [ ! -f "$dir/build.ninja" ] || [ $# -gt 0 ]; then
        title "configuring $dir"
        cmake --preset "$preset" "$@" >"build/configure-$preset.log" 2>&1 || {
            tail -n 20 "build/configure-$preset.log" >&2
            return 1
        }
    fi
    title "building $dir"
    in_slot cmake --build "$dir" -- -k 0 >&2 # all the errors, not only the first
}

mkdir_build() { mkdir -p build; }

build_verb() {
    mkdir_build
    build_preset release || die "the build failed; the first message above says where"
    note "programs: build/release/coopd coopctl coop-run coop-init"
}

# The promise of `cmake --install`: what a package would contain, and that a stranger can link.
check_install() {
    local prefix=build/install-check program
    rm -rf "$prefix"
    build_preset release || return 1
    cmake --install build/release --prefix "$ROOT/$prefix" >build/install.log || return 1
    for program in coopd coopctl coop-run coop-init; do
        [ -x "$prefix/bin/$program" ] || { note "missing after install: bin/$program" && return 1; }
        [ -n "$(find "$prefix/share/man" -name "$program.[0-9]")" ] ||
            { note "missing after install: the man page of $program" && return 1; }
    done
    grep -q "^ExecStart=$ROOT/$prefix/bin/coopd " "$prefix/lib/systemd/system/coopd.service" ||
        { note "missing, or with another prefix in it: coopd.service" && return 1; }
    link_a_stranger "$ROOT/$prefix"
}

# Programs that know nothing but pkg-config: one of libcoop, one that is simulated, and one that runs
# another in a sandbox.
link_a_stranger() {
    build_stranger "$1" libcoop stranger && build/stranger &&
        build_stranger "$1" libcoop-sim stranger_simulated && build/stranger_simulated &&
        build_stranger "$1" libcoop-sandbox stranger_sandboxed &&
        PATH=$1/bin:$PATH build/stranger_sandboxed
}

# build_stranger PREFIX LIBRARY PROGRAM: the libraries from this prefix, wherever a package may lie.
build_stranger() {
    local pc flags
    pc=$(find "$1" -name "$2.pc")
    [ -n "$pc" ] || { note "missing after install: $2.pc" && return 1; }
    flags=$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags --libs "$2") || return 1
    # shellcheck disable=SC2086
    gcc -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror -o "build/$3" "tests/install/$3.c" $flags
}

# The deliberately bad trees of tests/house are data, not sources.
sources() { find lib launcher supervisor tests -path tests/house/bad -prune -o -name '*.[ch]' -print; }

lint_format() {
    title "lint: formatting (clang-format)"
    sources | xargs -r clang-format --dry-run -Werror
}

lint_shell() {
    local script
    title "lint: shell scripts"
    for script in dev .ci/run cmake/dev/*.sh; do
        bash -n "$script" || return 1
    done
    if have shellcheck; then shellcheck -S warning -s bash dev .ci/run cmake/dev/*.sh; fi
}

# Every source of ours that is compiled; the tests are left to the compilers.
lint_tidy() {
    # One file a process: in a second file clang-tidy 14 takes every va_list for uninitialized.
    title "lint: static checks (clang-tidy)"
    [ -f build/clang/compile_commands.json ] || build_preset clang || return 1 # clang-tidy knows its flags
    sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' build/clang/compile_commands.json |
        grep '\.c$' | grep -v "^$ROOT/\(tests\|build\)/" | sort -u |
        in_slot xargs -r -P "$(nproc)" -n 1 clang-tidy -p build/clang --quiet 3>&2 2>/dev/null >&3
}

lint_verb() {
    local failed=0
    mkdir_build
    lint_shell || failed=1
    lint_format || failed=1
    lint_tidy || failed=1
    [ $failed = 0 ] || die "lint found something"
    title "lint: clean"
}

clean_verb() {
    own_tree
    demo_stop
    title "removing build/"
    rm -rf build
}
