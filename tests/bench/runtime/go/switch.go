package main

import (
	"runtime"
	"sync"
)

func yield(count int) {
	var both sync.WaitGroup
	both.Add(2)
	for k := 0; k < 2; k++ {
		go func() {
			for i := 0; i < count/2; i++ {
				runtime.Gosched()
			}
			both.Done()
		}()
	}
	both.Wait()
}

func spawnExit(count int) {
	words := make(chan int)
	for i := 0; i < count; i++ {
		go func() { words <- 1 }()
		<-words
	}
}

func hop(count int) {
	there, back := make(chan int), make(chan int)
	var other sync.WaitGroup
	other.Add(1)
	go func() {
		for v := range there {
			back <- v
		}
		other.Done()
	}()
	for i := 0; i < count/2; i++ {
		there <- i
		<-back
	}
	close(there)
	other.Wait()
}

var lock sync.Mutex

func mutex(count int) {
	for i := 0; i < count; i++ {
		lock.Lock()
		lock.Unlock()
	}
}
