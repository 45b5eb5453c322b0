// The Go side of `./dev bench runtime`: one work, measured once.  The C side is in the folder above,
// file by file, and does the same; contender.h there says how both are called.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

const warmUp = 20

var ops = map[string]func(int){
	"yield":          yield,
	"spawn_exit":     spawnExit,
	"hop":            hop,
	"mutex":          mutex,
	"mpmc":           mpmc,
	"select2_ready":  select2Ready,
	"select10_ready": select10Ready,
	"select10_idle":  select10Idle,
	"select10_block": select10Block,
}

var wholes = map[string]func(int){
	"skynet":   skynetAll,
	"parked":   parked,
	"sleep":    sleep,
	"echo":     echo,
	"blocking": blocking,
}

func say(key string, value float64) { fmt.Printf("%s %.4f\n", key, value) }

func since(before time.Time) float64 { return float64(time.Since(before).Nanoseconds()) }

func number(text string) int {
	n, err := strconv.Atoi(text)
	must(err)
	return n
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench_runtime_go:", err)
		os.Exit(1)
	}
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println("Go", strings.TrimPrefix(runtime.Version(), "go"))
		return
	}
	if len(os.Args) != 4 || ops[os.Args[1]] == nil && wholes[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: bench_runtime_go WORK PROCS COUNT")
		os.Exit(2)
	}
	debug.SetMaxThreads(10000)
	runtime.GOMAXPROCS(number(os.Args[2]))
	count := number(os.Args[3])
	if whole := wholes[os.Args[1]]; whole != nil {
		whole(count)
		return
	}
	op := ops[os.Args[1]]
	op(count / warmUp)
	before := time.Now()
	op(count)
	say("ns", since(before)/float64(count))
}
