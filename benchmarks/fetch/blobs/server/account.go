package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const chunk = 256 * 1024

var rangeHeader = regexp.MustCompile(`^bytes=(\d+)-(\d*)$`)

// account answers for `/CONTAINER/BLOB`, also where the account's name comes before it.
type account struct {
	directory string
	pace      profile
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-ms-request-id", "00000000-0000-0000-0000-000000000000")
	w.Header().Set("x-ms-version", "2025-01-05")
	time.Sleep(a.pace.firstByte)
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if r.URL.Query().Get("comp") == "list" {
		a.list(w, name, r.URL.Query().Get("prefix"))
		return
	}
	file, err := os.Open(filepath.Join(a.directory, filepath.FromSlash(name)))
	if err != nil {
		refuse(w, http.StatusNotFound, "BlobNotFound")
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		refuse(w, http.StatusNotFound, "BlobNotFound")
		return
	}
	a.blob(w, r, file, info)
}

func (a *account) blob(w http.ResponseWriter, r *http.Request, file *os.File, info os.FileInfo) {
	if match := r.Header.Get("If-Match"); match != "" && match != "*" && strings.Trim(match, `"`) != strings.Trim(etag(info), `"`) {
		refuse(w, http.StatusPreconditionFailed, "ConditionNotMet")
		return
	}
	first, last, status := int64(0), info.Size()-1, http.StatusOK
	asked := r.Header.Get("x-ms-range")
	if asked == "" {
		asked = r.Header.Get("Range")
	}
	if match := rangeHeader.FindStringSubmatch(asked); match != nil {
		status = http.StatusPartialContent
		first, _ = strconv.ParseInt(match[1], 10, 64)
		if end, err := strconv.ParseInt(match[2], 10, 64); err == nil {
			last = min(last, end)
		}
		if first > last {
			refuse(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, info.Size()))
	}
	w.Header().Set("Content-Length", strconv.FormatInt(last-first+1, 10))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Accept-Ranges", "bytes")
	w.Header().Set("ETag", etag(info))
	w.Header().Set("Last-Modified", info.ModTime().UTC().Format(http.TimeFormat))
	w.Header().Set("x-ms-blob-type", "BlockBlob")
	if r.Method == http.MethodHead {
		return
	}
	a.send(w, file, first, last-first+1, status)
}

func (a *account) send(w http.ResponseWriter, file *os.File, first, count int64, status int) {
	fault := a.pace.fault()
	if fault == busy {
		w.Header().Del("Content-Range")
		refuse(w, http.StatusServiceUnavailable, "ServerBusy")
		return
	}
	w.WriteHeader(status)
	if _, err := file.Seek(first, io.SeekStart); err != nil {
		return
	}
	if a.pace.perConnection == 0 {
		_, _ = io.CopyN(w, file, count)
		return
	}
	half := count / 2
	own := newBucket(a.pace.perConnection)
	for sent := int64(0); sent < count; {
		size := min(chunk, count-sent)
		if fault == reset && sent+size > half {
			hangUp(w)
			return
		}
		time.Sleep(time.Until(later(own.take(size), a.pace.total.take(size))))
		if _, err := io.CopyN(w, file, size); err != nil { // sendfile, where there is no TLS
			return
		}
		sent += size
	}
}

func (a *account) list(w http.ResponseWriter, container, prefix string) {
	w.Header().Set("Content-Type", "application/xml")
	fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName=%q><Prefix>%s</Prefix><Blobs>`,
		container, prefix)
	root := filepath.Join(a.directory, filepath.FromSlash(container))
	_ = filepath.WalkDir(root, func(name string, entry os.DirEntry, err error) error {
		blob, _ := filepath.Rel(root, name)
		if err != nil || entry.IsDir() || !strings.HasPrefix(blob, prefix) {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			fmt.Fprintf(w, `<Blob><Name>%s</Name><Properties><Creation-Time>%[2]s</Creation-Time><Last-Modified>%[2]s</Last-Modified>`+
				`<Etag>%s</Etag><Content-Length>%d</Content-Length><Content-Type>application/octet-stream</Content-Type>`+
				`<BlobType>BlockBlob</BlobType><AccessTier>Hot</AccessTier></Properties></Blob>`,
				blob, info.ModTime().UTC().Format(http.TimeFormat), strings.Trim(etag(info), `"`), info.Size())
		}
		return nil
	})
	_, _ = io.WriteString(w, `</Blobs><NextMarker/></EnumerationResults>`)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("x-ms-error-code", code)
	w.Header().Set("Content-Type", "application/xml")
	body := fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?><Error><Code>%[1]s</Code><Message>%[1]s</Message></Error>`, code)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func hangUp(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if tcp, plain := connection.(*net.TCPConn); plain {
		_ = tcp.SetLinger(0) // a reset, not an orderly end
	}
	_ = connection.Close()
}

func etag(info os.FileInfo) string {
	return fmt.Sprintf(`"0x%X"`, info.ModTime().UnixNano()^info.Size())
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
