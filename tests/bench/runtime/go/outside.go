package main

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	trips   = 50
	message = 64
	buffer  = 128
)

func short(n, want int, err error) {
	must(err)
	if n != want {
		must(errors.New("echo: short"))
	}
}

func answer(end *os.File) {
	bytes := make([]byte, buffer)
	for i := 0; i < trips; i++ {
		n, err := end.Read(bytes)
		must(err)
		m, err := end.Write(bytes[:n])
		short(m, n, err)
	}
}

func ask(end *os.File) {
	bytes := make([]byte, buffer)
	for i := 0; i < trips; i++ {
		n, err := end.Write(bytes[:message])
		short(n, message, err)
		n, err = end.Read(bytes)
		short(n, message, err)
	}
}

func echo(count int) {
	var numbers []int
	for i := 0; i < count; i++ {
		pair, err := syscall.Socketpair(syscall.AF_UNIX,
			syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
		must(err)
		numbers = append(numbers, pair[0], pair[1])
	}
	before := time.Now()
	// Here they are registered with epoll; ours does that in its first read.
	ends := make([]*os.File, len(numbers))
	for i, number := range numbers {
		ends[i] = os.NewFile(uintptr(number), "end")
	}
	var all sync.WaitGroup
	all.Add(2 * count)
	for i := 0; i < count; i++ {
		left, right := ends[2*i], ends[2*i+1]
		go func() { answer(left); all.Done() }()
		go func() { ask(right); all.Done() }()
	}
	all.Wait()
	say("trips_per_s", float64(count*trips)*1e9/since(before))
}

const (
	blockers  = 100
	computers = 4
	blockUs   = 10000
	steps     = 2000
)

var (
	stop atomic.Bool
	done atomic.Int64
	sink atomic.Int64
)

func block() {
	for !stop.Load() {
		delay := syscall.Timeval{Usec: blockUs}
		syscall.Select(0, nil, nil, nil, &delay)
	}
}

func compute() {
	sum := 0
	for !stop.Load() {
		for i := 0; i < steps; i++ {
			sum += i * i % 7
		}
		done.Add(1)
		runtime.Gosched()
	}
	sink.Store(int64(sum))
}

// Pieces of work a second, over ms.
func speed(blockers, ms int) float64 {
	var all sync.WaitGroup
	stop.Store(false)
	done.Store(0)
	all.Add(blockers + computers)
	for i := 0; i < blockers; i++ {
		go func() { block(); all.Done() }()
	}
	for i := 0; i < computers; i++ {
		go func() { compute(); all.Done() }()
	}
	before := time.Now()
	time.Sleep(time.Duration(ms) * time.Millisecond)
	result := float64(done.Load()) * 1e9 / since(before)
	stop.Store(true)
	all.Wait()
	return result
}

func blocking(count int) {
	alone := speed(0, count)
	say("kept_percent", 100*speed(blockers, count)/alone)
}
