// The ceiling: ranges read in parallel and written in place, by a compiled program that knows nothing else.
//
// Arguments: the address of a folder of blobs, the folder to write to, and `NAME=BYTES` for each blob. It prints what it
// took, as JSON.
package main

import (
	"crypto/sha256"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

type part struct {
	target        *target
	offset, count int64
	done          chan struct{}
}

type target struct {
	name   string
	file   *os.File
	sha256 []byte
}

func main() {
	connections := flag.Int("connections", 16, "read at the same time")
	partSize := flag.Int64("part", 16<<20, "bytes of one range")
	hash := flag.Bool("sha256", false, "compute the sha256 of each file while it comes")
	flag.Parse()
	address, folder := flag.Arg(0), flag.Arg(1)
	started, idle := time.Now(), peakKiB()

	var targets []*target
	var parts []*part
	for _, argument := range flag.Args()[2:] {
		name, text, _ := strings.Cut(argument, "=")
		size, err := strconv.ParseInt(text, 10, 64)
		check(err)
		file, err := os.Create(filepath.Join(folder, name))
		check(err)
		check(file.Truncate(size))
		one := &target{name: name, file: file}
		targets = append(targets, one)
		for offset := int64(0); offset < size; offset += *partSize {
			parts = append(parts, &part{one, offset, min(*partSize, size-offset), make(chan struct{})})
		}
	}
	read(address, parts, *connections, func() {
		if *hash {
			sums(parts)
		}
	})
	for _, one := range targets {
		check(one.file.Sync())
		check(one.file.Close())
	}
	var used syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	fmt.Printf(`{"seconds": %f, "cpu_seconds": %f, "rss_mib": %f}`+"\n", time.Since(started).Seconds(),
		seconds(used.Utime)+seconds(used.Stime), float64(peakKiB()-idle)/1024)
}

func seconds(value syscall.Timeval) float64 { return float64(value.Sec) + float64(value.Usec)/1e6 }

// peakKiB returns the most memory that this program had at once.
func peakKiB() int {
	status, err := os.ReadFile("/proc/self/status")
	check(err)
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	count, err := strconv.Atoi(strings.Fields(after)[0])
	check(err)
	return count
}

// read reads all parts over so many connections, while `meanwhile` runs.
func read(address string, parts []*part, connections int, meanwhile func()) {
	transport := &http.Transport{
		MaxIdleConnsPerHost: connections,
		DisableCompression:  true,
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, // #nosec: a ceiling needs no trust
		ReadBufferSize:      64 << 10,
	}
	queue := make(chan *part, len(parts))
	for _, one := range parts {
		queue <- one
	}
	close(queue)
	var group sync.WaitGroup
	for range connections {
		group.Add(1)
		go func() {
			defer group.Done()
			buffer := make([]byte, 512<<10)
			for one := range queue {
				check(one.read(&http.Client{Transport: transport}, address, buffer))
				close(one.done)
			}
		}()
	}
	meanwhile()
	group.Wait()
}

func (p *part) read(client *http.Client, address string, buffer []byte) error {
	request, err := http.NewRequest(http.MethodGet, address+"/"+p.target.name, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", p.offset, p.offset+p.count-1))
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusPartialContent {
		return fmt.Errorf("HTTP %d", response.StatusCode)
	}
	written, err := io.CopyBuffer(struct{ io.Writer }{io.NewOffsetWriter(p.target.file, p.offset)},
		struct{ io.Reader }{response.Body}, buffer)
	if err == nil && written != p.count {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// sums hashes each file from its beginning, part after part, as they are complete.
func sums(parts []*part) {
	buffer := make([]byte, 1<<20)
	for start := 0; start < len(parts); {
		digest, one := sha256.New(), parts[start].target
		for ; start < len(parts) && parts[start].target == one; start++ {
			<-parts[start].done
			section := io.NewSectionReader(one.file, parts[start].offset, parts[start].count)
			_, err := io.CopyBuffer(struct{ io.Writer }{digest}, struct{ io.Reader }{section}, buffer)
			check(err)
		}
		one.sha256 = digest.Sum(nil)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
