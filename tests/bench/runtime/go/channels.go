package main

import "sync"

const (
	people = 4
	room   = 128
)

// Starts that many of them; what it returns is done when all have ended.
func crowd(size int, one func()) *sync.WaitGroup {
	var all sync.WaitGroup
	all.Add(size)
	for i := 0; i < size; i++ {
		go func() {
			one()
			all.Done()
		}()
	}
	return &all
}

func mpmc(count int) {
	ch := make(chan int, room)
	consumers := crowd(people, func() {
		for range ch {
		}
	})
	producers := crowd(people, func() {
		for j := 0; j < count/people; j++ {
			ch <- j
		}
	})
	producers.Wait()
	close(ch)
	consumers.Wait()
}

func ways(count, capacity int) (c [10]chan int) {
	for i := 0; i < count; i++ {
		c[i] = make(chan int, capacity)
	}
	return
}

func fill(c []chan int) {
	for i := range c {
		c[i] <- 1
	}
}

func select2Ready(count int) {
	c := ways(2, 1)
	fill(c[:2])
	for i := 0; i < count; i++ {
		select {
		case v := <-c[0]:
			c[0] <- v
		case v := <-c[1]:
			c[1] <- v
		}
	}
}

func select10Ready(count int) {
	c := ways(10, 1)
	fill(c[:])
	for i := 0; i < count; i++ {
		select {
		case v := <-c[0]:
			c[0] <- v
		case v := <-c[1]:
			c[1] <- v
		case v := <-c[2]:
			c[2] <- v
		case v := <-c[3]:
			c[3] <- v
		case v := <-c[4]:
			c[4] <- v
		case v := <-c[5]:
			c[5] <- v
		case v := <-c[6]:
			c[6] <- v
		case v := <-c[7]:
			c[7] <- v
		case v := <-c[8]:
			c[8] <- v
		case v := <-c[9]:
			c[9] <- v
		}
	}
}

func select10Idle(count int) {
	c := ways(10, 1)
	for i := 0; i < count; i++ {
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		case <-c[4]:
		case <-c[5]:
		case <-c[6]:
		case <-c[7]:
		case <-c[8]:
		case <-c[9]:
		default:
		}
	}
}

func select10Block(count int) {
	c := ways(10, 0)
	sender := crowd(1, func() {
		for i := 0; i < count; i++ {
			c[i%10] <- i
		}
	})
	for i := 0; i < count; i++ {
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		case <-c[4]:
		case <-c[5]:
		case <-c[6]:
		case <-c[7]:
		case <-c[8]:
		case <-c[9]:
		}
	}
	sender.Wait()
}
