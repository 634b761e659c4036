// A blob server for measurements: enough of Azure Blob Storage for every arm, with the pace of a network.
//
// Authentication is not looked at. It prints its port, and ends when its standard input does.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	directory := flag.String("directory", "", "its folders are containers, the files below them blobs")
	profile := flag.String("profile", "A", "A unlimited, B throttled, C as B with faults")
	certificate := flag.String("certificate", "", "PEM file; with -key: TLS")
	key := flag.String("key", "", "PEM file")
	flag.Parse()

	pace, known := profiles[*profile]
	if !known {
		log.Fatalf("there is no profile %q", *profile)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Handler:           &account{directory: *directory, pace: pace},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that end first are part of the measurement
		Protocols:         new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	if *certificate != "" {
		log.Fatal(server.ServeTLS(listener, *certificate, *key))
	}
	log.Fatal(server.Serve(listener))
}
