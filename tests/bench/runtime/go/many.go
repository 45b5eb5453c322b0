package main

import (
	"bytes"
	"errors"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A line of /proc/self/status, in bytes.
func statusBytes(key string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	must(err)
	for _, line := range strings.Split(string(text), "\n") {
		if words := strings.Fields(line); len(words) > 1 && words[0] == key {
			kib, err := strconv.ParseFloat(words[1], 64)
			must(err)
			return kib * 1024
		}
	}
	return 0
}

func memory() float64 { return statusBytes("VmRSS:") + statusBytes("VmPTE:") }

func mappings() float64 {
	text, err := os.ReadFile("/proc/self/maps")
	must(err)
	return float64(bytes.Count(text, []byte("\n")))
}

func skynet(up chan int, first, size int) {
	if size == 1 {
		up <- first
		return
	}
	sums := make(chan int)
	sum := 0
	for i := 0; i < 10; i++ {
		go skynet(sums, first+i*(size/10), size/10)
	}
	for i := 0; i < 10; i++ {
		sum += <-sums
	}
	up <- sum
}

func skynetAll(count int) {
	up := make(chan int)
	before := time.Now()
	go skynet(up, 0, count)
	sum := <-up
	say("ms", since(before)/1e6)
	say("rss_mb", statusBytes("VmHWM:")/1e6)
	if sum != count*(count-1)/2 {
		must(errors.New("skynet: wrong sum"))
	}
}

func parked(count int) {
	empty := memory()
	gate := make(chan int)
	var there, crowd sync.WaitGroup
	there.Add(count)
	crowd.Add(count)
	for i := 0; i < count; i++ {
		go func() {
			there.Done()
			<-gate
			crowd.Done()
		}()
	}
	there.Wait()
	say("bytes", (memory()-empty)/float64(count))
	say("vmas", mappings())
	before := time.Now()
	close(gate)
	crowd.Wait()
	say("wake_ns", since(before)/float64(count))
}

func cpuNs() float64 {
	var used syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return float64(used.Utime.Nano() + used.Stime.Nano())
}

func sleep(count int) {
	late := make([]float64, count)
	before := cpuNs()
	var sleepers sync.WaitGroup
	sleepers.Add(count)
	for i := 0; i < count; i++ {
		i := i
		go func() {
			delay := time.Duration(50+i%100) * time.Millisecond
			before := time.Now()
			time.Sleep(delay)
			late[i] = float64(time.Since(before)-delay) / 1e3
			sleepers.Done()
		}()
	}
	sleepers.Wait()
	say("cpu_ns", (cpuNs()-before)/float64(count))
	sort.Float64s(late)
	say("late_p99_us", late[count*99/100])
}
