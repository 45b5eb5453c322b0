# bench.sh - one program per benchmark in tests/bench/, each prints its rows itself
#
# A row is {"name","ours","peer","peer_name","peer_version","ratio","unit","better","samples"};
# ratio is always ours/peer.  Ours and peers run interleaved in one process's loop, so that a busy
# moment of the machine hits both.

BENCH_NAME='' BENCH_WORDS=()

bench_words() {
    local word
    for word; do
        case $word in
            --json | --quick | --samples=* | --only=*) BENCH_WORDS+=("$word") ;;
            -*) die "'$word' is not understood by bench" \
                "./dev bench NAME [--json] [--quick] [--samples=N] [--only=ROW,ROW]" ;;
            *) BENCH_NAME=$word ;;
        esac
    done
}

bench_names() { (cd tests/bench && ls bench_*.c 2>/dev/null) | sed 's/^bench_//; s/\.c$//'; }

# bench_go: the contender that is written in Go; without Go one sentence, and our rows stand alone.
bench_go() {
    local program=$ROOT/build/release/tests/bin/bench_runtime_go
    have go || {
        note "Go is not installed here, so there is nothing to compare with: apt-get install golang-go"
        return
    }
    title "building $(go version | cut -d' ' -f3)'s side"
    (cd tests/bench/runtime/go && GOCACHE=$ROOT/build/go-cache GOFLAGS=-buildvcs=false \
        in_slot go build -o "$program" .) >&2 || {
        note "the Go program does not build: our rows stand alone"
        return
    }
    BENCH_WORDS+=("--peer=$program")
}

bench_verb() {
    mkdir_build
    if [ -z "$BENCH_NAME" ]; then
        title "benchmarks"
        bench_names
        return
    fi
    bench_names | grep -x -- "$BENCH_NAME" >/dev/null ||
        die "there is no benchmark '$BENCH_NAME'" "there are: $(bench_names | tr '\n' ' ')"
    grep -qs '^COOP_BENCH:BOOL=ON' build/release/CMakeCache.txt || set -- -DCOOP_BENCH=ON
    build_preset release "$@" || die "the build failed; the first message above says where"
    [ "$BENCH_NAME" != runtime ] || bench_go
    title "bench $BENCH_NAME"
    "build/release/tests/bin/bench_$BENCH_NAME" ${BENCH_WORDS[@]+"${BENCH_WORDS[@]}"}
}
