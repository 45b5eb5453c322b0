# test.sh - run the tests and count them
#
# A test is one CTest entry, or one whole check (a build without warnings, an install, lint).
# A test that cannot run here prints `SKIP: reason` and exits 77; one that leaves out a part prints
# the same line and goes on.  Either way the skip is listed at the end, and one that is not in
# tests/known-skips fails the run: a test that silently stopped running is worse than a red one.

MODE=quick
PASSED=0 FAILED=0 SKIPPED=0
FAILURES=() SKIPS=() UNSTEADY=()
LABELS_quick='^quick$'
LABELS_full='^(quick|full)$'
LABELS_vm='^vm$' # small virtual machines with older kernels: see tests/vm/boot.sh

test_words() {
    local word
    for word; do
        case $word in
            --full) MODE=full ;;
            --soak) MODE=soak ;;
            *) die "'$word' is not understood by test" "./dev test, ./dev test --full, ./dev test --soak" ;;
        esac
    done
}

test_packages() { [ "$MODE" = full ] && echo full || echo test; }

passed() { PASSED=$((PASSED + 1)); }

failed() {
    FAILED=$((FAILED + 1))
    FAILURES+=("$1")
    printf '%s    FAILED: %s%s\n' "$RED" "$1" "$PLAIN" >&2
}

# known_skip "NAME: REASON": tests/known-skips says when a skip is expected.
known_skip() {
    local when pattern
    while read -r when pattern; do
        case $when in
            any) ;;
            user) [ "$(id -u)" != 0 ] || continue ;;
            *) continue ;;
        esac
        # shellcheck disable=SC2053
        [[ $1 != $pattern ]] || return 0
    done <tests/known-skips
    return 1
}

skipped() {
    SKIPPED=$((SKIPPED + 1))
    SKIPS+=("$1")
    known_skip "$1" || failed "skipped, but not on tests/known-skips: $1"
}

# check NAME COMMAND...: one whole check.
check() {
    local name=$1
    shift
    title "$name"
    if "$@" </dev/null; then passed; else failed "$name"; fi
}

# results FILE: 'verdict name: reason' lines out of CTest's JUnit file.  CTest writes one element
# a line and quotes what tests print, so lines are enough.
results() {
    awk '
        function plain(s) {
            gsub(/&lt;/, "<", s); gsub(/&gt;/, ">", s); gsub(/&quot;/, "\"", s); gsub(/&apos;/, "\047", s)
            gsub(/&#27;\[[0-9;]*m/, "", s); gsub(/&amp;/, "\\&", s)
            return s
        }
        function finish() {
            if (name == "") return
            if (skip && !reasons) print "skip " name ": " (why != "" ? why : "no reason given")
            else if (!skip) print (bad ? "fail " : "pass ") name ":"
            name = ""
        }
        /<testcase / {
            finish()
            match($0, /name="[^"]*"/); name = plain(substr($0, RSTART + 6, RLENGTH - 7))
            skip = bad = reasons = 0; why = ""
            if ($0 ~ /status="(notrun|disabled)"/) skip = 1
            if ($0 ~ /status="fail"/) bad = 1
        }
        /<skipped/ { skip = 1; if (match($0, /message="[^"]*"/)) why = plain(substr($0, RSTART + 9, RLENGTH - 10)) }
        /<failure/ { bad = 1 }
        match($0, /(^|>)SKIP: /) { print "skip " name ": " plain(substr($0, RSTART + RLENGTH)); reasons++ }
        END { finish() }' "$1"
}

# second_look PRESET TEST: a test has failed.  Here that is that.  The build server is a machine that
# others load, too: there the test runs once more, alone, and when it passes it is told apart, as
# unsteady: a race or a deadline to be found, not a change to be refused.
second_look() {
    if [ "${CI:-}" = true ] && ctest --test-dir "build/$1" --output-on-failure --timeout 300 \
        -R "^${2//./\\.}\$" </dev/null >&2; then
        passed
        UNSTEADY+=("$1: $2")
    else
        failed "$1: $2"
    fi
}

# ctest_in PRESET CTEST-ARGUMENT...: run and count.
ctest_in() {
    local preset=$1 junit=build/ctest-$1.xml verdict rest
    shift
    rm -f "$junit"
    title "tests in build/$preset"
    ctest --test-dir "build/$preset" --output-junit "$ROOT/$junit" --output-on-failure \
        --test-output-size-passed 65536 --test-output-size-failed 65536 \
        --no-tests=error --timeout 300 -j "${COOP_TEST_JOBS:-2}" "$@" </dev/null >&2 || true
    [ -s "$junit" ] || { failed "ctest in build/$preset did not finish" && return; }
    while read -r verdict rest; do
        case $verdict in
            pass) passed ;;
            fail) second_look "$preset" "${rest%:}" ;;
            skip) skipped "$rest" ;;
        esac
    done < <(results "$junit")
}

# build_and_test PRESET CTEST-ARGUMENT...: a build that fails is one failed test, not the end.
build_and_test() {
    local preset=$1
    shift
    if build_preset "$preset"; then
        passed
        ctest_in "$preset" "$@"
    else
        failed "build/$preset does not build"
    fi
}

test_full() {
    export LSAN_OPTIONS=suppressions=$ROOT/tests/lsan.supp:print_suppressions=0
    build_and_test dev -L "$LABELS_full"
    ctest_in dev -L "$LABELS_vm"
    build_and_test asan -R '^(unit|stress|failing|sim\.seeds)' -L "$LABELS_full"
    build_and_test tsan -R '^(unit|stress)\.' -L "$LABELS_full"
    build_and_test valgrind -L "$LABELS_quick" -E '^policy\.' # the policies are the same everywhere
    build_and_test aarch64 -L "$LABELS_quick" -E '^policy\.'
    check "clang builds everything without a warning" build_preset clang
    check "cmake --install into an empty prefix" check_install
    check "the demo comes up, heals and goes" demo_check
    check "lint: shell scripts" lint_shell
    check "lint: formatting" lint_format
    check "lint: static checks" lint_tidy
}

summary() {
    local line
    title "skipped, and why"
    [ ${#SKIPS[@]} -gt 0 ] || note "nothing"
    for line in ${SKIPS[@]+"${SKIPS[@]}"}; do note "$line"; done
    if [ ${#UNSTEADY[@]} -gt 0 ]; then
        title "UNSTEADY: failed beside others, passed alone; find the race"
        for line in "${UNSTEADY[@]}"; do note "$line"; done
    fi
    if [ ${#FAILURES[@]} -gt 0 ]; then
        title "failed"
        for line in "${FAILURES[@]}"; do note "$line"; done
    fi
    title "took $((SECONDS / 60)) min $((SECONDS % 60)) s"
    echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
}

test_verb() {
    mkdir_build
    case $MODE in
        quick) build_and_test dev -L "$LABELS_quick" ;;
        full) test_full ;;
        soak) build_and_test dev -L '^soak$' ;;
    esac
    summary
    [ $FAILED = 0 ]
}
