package postgres_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// FuzzFields writes any JSON object under any id. What the contract takes
// comes back as it was, and writing it again changes nothing.
func FuzzFields(f *testing.F) {
	for _, doc := range []string{
		`{}`, `{"body":"x"}`, `{"body":null,"n":1e999,"":{"":[]}}`, `{"a\u0000b":"\ud83d\ude00\u2028<&>"}`, `{"n":-0.0,"m":1.50}`, `[`,
	} {
		f.Add("id", []byte(doc))
	}
	f.Add("a\x00b", []byte(`{}`))
	f.Add("\xff", []byte(`{}`))
	s := openStore(f)
	c := tickets(f, s)
	ctx := context.Background()
	f.Fuzz(func(t *testing.T, id string, doc []byte) {
		fields, err := record.ParseFields(doc)
		if err != nil {
			return
		}
		put := record.Write{ID: id, Fields: fields}
		first := write(t, s, c, []record.Write{put})[0]
		if bad := record.CheckID(id); bad != nil || first.Err != nil {
			if bad == nil || fault.KindOf(first.Err) != fault.Invalid {
				t.Fatalf("the id: %v; the write: %v", bad, first.Err)
			}
			return
		}
		if err := s.View(ctx, func(tx record.Tx) error {
			got, err := tx.Records().Get(ctx, c.ID, []string{id})
			if err == nil && (got[0].Ref != first.Ref || !reflect.DeepEqual(got[0].Fields, fields)) {
				err = fmt.Errorf("record %d came back otherwise", first.Ref)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if again := write(t, s, c, []record.Write{put})[0]; again.Change != 0 || again.Version != first.Version {
			t.Fatalf("written again: %+v after %+v", again, first)
		}
	})
}
