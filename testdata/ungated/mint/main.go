// Command mint must not compile: it makes clean text without the gate.
package main

import "github.com/holdfast/holdfast/gate"

func main() { _ = gate.Clean{display: "raw text"} }
