// SPDX-License-Identifier: Apache-2.0
//
// A static Go program: `copy_and_serve copy FROM TO` in blocks of 4 KiB, or `copy_and_serve serve PORT`:
// HTTP, a short answer.
package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == "copy" {
		from, err := os.Open(os.Args[2])
		if err != nil {
			os.Exit(1)
		}
		to, err := os.Create(os.Args[3])
		if err != nil {
			os.Exit(1)
		}
		buffer := make([]byte, 4096)
		for {
			n, err := from.Read(buffer)
			if n > 0 {
				if _, err := to.Write(buffer[:n]); err != nil {
					os.Exit(1)
				}
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				os.Exit(1)
			}
		}
	}
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello\n") })
		http.ListenAndServe("127.0.0.1:"+os.Args[2], nil)
	}
	os.Exit(2)
}
