package main

import (
	"math/rand/v2"
	"sync"
	"time"
)

const mebibyte = 1 << 20

// profile is the pace of a network between a node and an object store.
type profile struct {
	firstByte     time.Duration
	perConnection float64 // bytes a second; 0: unlimited
	total         *bucket
	faults        float64 // share of the requests that fail
}

var profiles = map[string]profile{
	"A": {},
	"B": {firstByte: 20 * time.Millisecond, perConnection: 60 * mebibyte, total: newBucket(1536 * mebibyte)},
	"C": {
		firstByte: 20 * time.Millisecond, perConnection: 60 * mebibyte, total: newBucket(1536 * mebibyte),
		faults: 0.01,
	},
}

// bucket lets bytes through at a rate; one that was idle gives no burst.
type bucket struct {
	mutex sync.Mutex
	rate  float64
	next  time.Time
}

func newBucket(rate float64) *bucket { return &bucket{rate: rate} }

// take returns when `count` bytes may have been sent.
func (b *bucket) take(count int64) time.Time {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if now := time.Now(); b.next.Before(now) {
		b.next = now
	}
	b.next = b.next.Add(time.Duration(float64(count) / b.rate * float64(time.Second)))
	return b.next
}

// fault is what goes wrong with one request.
type fault int

const (
	none fault = iota
	busy
	reset
)

func (p profile) fault() fault {
	switch chance := rand.Float64(); {
	case chance < p.faults/2:
		return busy
	case chance < p.faults:
		return reset
	default:
		return none
	}
}
