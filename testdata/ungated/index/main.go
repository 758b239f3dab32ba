// Command index must not compile: it indexes text that has not passed the gate.
package main

import "github.com/holdfast/holdfast/index"

func main() { _ = index.Entry{Text: "raw text"} }
