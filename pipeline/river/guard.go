package river

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/holdfast/holdfast/fault"
)

// encode turns an input or output into JSON; nil stays nil.
func encode(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// guard turns a panic into an error that tells where it was and of what
// type, never its value: that may quote a record.
func guard(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault.As(fault.Internal, &panicError{fmt.Sprintf("panic of type %T at %s", v, origin())})
		}
	}()
	return fn()
}

type panicError struct{ msg string }

func (p *panicError) Error() string { return p.msg }

// origin is the innermost place outside the runtime on a panicking stack.
func origin() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

// message is what may be stored of an error.
func message(err error) string {
	if p, ok := errors.AsType[*panicError](err); ok {
		return p.msg
	}
	return fault.Public(err)
}
