package api

import (
	"strconv"

	"github.com/holdfast/holdfast/fault"
)

// Page is how every list is asked for.
type Page struct {
	Cursor string `query:"cursor" doc:"Where to go on: the next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most items."`
}

// List is how every list is answered.
type List[T any] struct {
	Body struct {
		Items []T    `json:"items" nullable:"false"`
		Next  string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last."`
	}
}

// page makes a List from up to limit+1 items.
func page[T any](items []T, limit int, cursor func(T) string) *List[T] {
	var l List[T]
	l.Body.Items = items
	if len(items) > limit {
		l.Body.Items = items[:limit]
		l.Body.Next = cursor(items[limit-1])
	}
	if l.Body.Items == nil {
		l.Body.Items = []T{}
	}
	return &l
}

func numericCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil {
		return 0, fault.Field("cursor", "is not one that a list gave out")
	}
	return n, nil
}
