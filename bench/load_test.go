package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/metrics"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// subject is something that is measured: its workers do one request a call, each
// from a goroutine of its own.
type subject []func() error

// sample is what a subject did and what that cost this process: client, server and
// an embedded database, but not PostgreSQL's own processes.
type sample struct {
	requests int64
	elapsed  time.Duration
	cpu      time.Duration
	objects  uint64 // allocated on the heap
	resident int64  // bytes of memory at the end, where it was looked at
}

func (s sample) plus(o sample) sample {
	return sample{s.requests + o.requests, s.elapsed + o.elapsed, s.cpu + o.cpu, s.objects + o.objects, max(s.resident, o.resident)}
}

func (s sample) rate() float64      { return float64(s.requests) / s.elapsed.Seconds() }
func (s sample) cpuMicros() float64 { return float64(s.cpu.Microseconds()) / float64(s.requests) }
func (s sample) allocs() float64    { return float64(s.objects) / float64(s.requests) }

// usage is the processor time and the number of heap objects of this process so far.
func usage() (time.Duration, uint64) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // it does not fail for the process itself
	}
	objects := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(objects)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), objects[0].Value.Uint64()
}

// turn lets all workers work at once until count requests are done or, with a
// count of 0, until the time is over; each worker does at least one then.
func (s subject) turn(count int64, limit time.Duration) (sample, error) {
	var left, done atomic.Int64
	left.Store(count)
	failed := make([]error, len(s))
	cpu, objects := usage()
	started := time.Now()
	var work sync.WaitGroup
	for i, request := range s {
		work.Go(func() {
			for {
				if count > 0 && left.Add(-1) < 0 {
					return
				}
				if failed[i] = request(); failed[i] != nil {
					return
				}
				done.Add(1)
				if count == 0 && time.Since(started) >= limit {
					return
				}
			}
		})
	}
	work.Wait()
	r := sample{requests: done.Load(), elapsed: time.Since(started)}
	cpuNow, objectsNow := usage()
	r.cpu, r.objects = cpuNow-cpu, objectsNow-objects
	return r, errors.Join(failed...)
}

// rounds is how often the subjects take turns. What disturbs the machine for a
// while then disturbs all of them, and the medians leave out what disturbs one.
const rounds = 15

// contest is what the subjects did in each of their turns; ours is the first subject.
type contest [][]sample

// total is all that a subject did.
func (c contest) total(subject int) (all sample) {
	for _, s := range c[subject] {
		all = all.plus(s)
	}
	return all
}

// rate is a subject's requests per second.
func (c contest) rate(subject int) float64 {
	var rates []float64
	for _, s := range c[subject] {
		rates = append(rates, s.rate())
	}
	return median(rates)
}

// ratio is our rate over that of another subject in the same turns.
func (c contest) ratio(subject int) float64 {
	var ratios []float64
	for turn, s := range c[subject] {
		ratios = append(ratios, c[0][turn].rate()/s.rate())
	}
	return median(ratios)
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// compare measures b.N requests of the first subject, and after each part of them
// every other subject for as long as that took. Only the first is on b's clock.
func compare(b *testing.B, subjects ...subject) contest {
	b.Helper()
	const longest = time.Second // of another's turn, should ours have been held up
	c := make(contest, len(subjects))
	turn := func(i int, count int64, limit time.Duration) sample {
		s, err := subjects[i].turn(count, limit)
		if err != nil {
			b.Fatal(err)
		}
		c[i] = append(c[i], s)
		return s
	}
	b.ReportAllocs()
	b.StopTimer()
	b.ResetTimer()
	for left, turns := int64(b.N), int64(rounds); left > 0; turns-- {
		count := max(left/max(turns, 1), min(left, int64(len(subjects[0]))))
		left -= count
		b.StartTimer()
		s := turn(0, count, 0)
		b.StopTimer()
		for i := range subjects[1:] {
			turn(i+1, 0, min(s.elapsed, longest))
		}
	}
	return c
}

// client is one kept-alive connection. It does as little as HTTP allows, so that
// what is measured is the server: net/http's client costs more than its server.
type client struct {
	conn   net.Conn
	in     *bufio.Reader
	out    []byte
	status []byte
}

// build appends a whole request to out.
type build func(out []byte) []byte

// connect makes a subject of n connections whose requests must be answered with a
// status. The connections are open and have been used once.
func connect(tb testing.TB, address string, n int, status int, next build) subject {
	tb.Helper()
	s := make(subject, n)
	for i := range s {
		var d net.Dialer
		conn, err := d.DialContext(context.Background(), "tcp", address)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { conn.Close() })
		c := &client{conn: conn, in: bufio.NewReaderSize(conn, 8<<10), status: strconv.AppendInt(nil, int64(status), 10)}
		s[i] = func() error {
			c.out = next(c.out[:0])
			_, err := c.exchange(nil)
			return err
		}
		if err := s[i](); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

var contentLength, chunked = []byte("Content-Length: "), []byte("Transfer-Encoding: chunked")

// exchange sends the request and reads the answer, into body where that is not nil.
// It gives the length of the body.
func (c *client) exchange(body io.Writer) (int64, error) {
	if _, err := c.conn.Write(c.out); err != nil {
		return 0, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 || !bytes.Equal(line[9:12], c.status) {
		rest, _ := c.in.Peek(c.in.Buffered())
		return 0, fmt.Errorf("answered %q, not %s\n%s", bytes.TrimSpace(line), c.status, rest)
	}
	length, inChunks := int64(-1), false
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if len(line) == 2 {
			break
		}
		if text, ok := bytes.CutPrefix(line, contentLength); ok {
			length = 0
			for _, digit := range bytes.TrimSpace(text) {
				length = length*10 + int64(digit-'0')
			}
		}
		inChunks = inChunks || bytes.HasPrefix(line, chunked)
	}
	if body == nil {
		body = io.Discard
	}
	switch {
	case inChunks:
		return c.chunks(body)
	case length < 0:
		return 0, errors.New("an answer without a length")
	}
	return io.CopyN(body, c.in, length)
}

// chunks reads a body that came in chunks: long ones do.
func (c *client) chunks(body io.Writer) (total int64, err error) {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return total, err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return total, err
		}
		if _, err := io.CopyN(body, c.in, size); err != nil {
			return total, err
		}
		if _, err := c.in.Discard(len("\r\n")); err != nil || size == 0 {
			return total + size, err
		}
		total += size
	}
}
