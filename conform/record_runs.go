package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

func (b *recordBox) aRun(id string) record.Run {
	return record.Run{
		ID: id, Pipeline: "index", Collection: 3, State: record.Running, Input: json.RawMessage(`{"epoch":1}`), StartedAt: b.now,
		Steps: []record.Step{{Name: "split", State: record.Running}, {Name: "embed", State: record.Waiting}},
	}
}

func (b *recordBox) create(runs ...record.Run) {
	b.Helper()
	b.update(func(ctx context.Context, tx record.Tx) error {
		for _, r := range runs {
			if err := tx.Runs().Create(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *recordBox) run(id string) record.Run {
	b.Helper()
	var r record.Run
	b.view(func(ctx context.Context, tx record.Tx) (err error) {
		r, err = tx.Runs().Get(ctx, id)
		return err
	})
	return r
}

func (b *recordBox) runs(f record.RunFilter) []string {
	b.Helper()
	ids := []string{}
	b.view(func(ctx context.Context, tx record.Tx) error {
		all, err := tx.Runs().List(ctx, f)
		for _, r := range all {
			ids = append(ids, r.ID)
			if len(r.Steps) != 2 || r.Steps[0].Name != "split" || len(r.Steps[0].Attempts) != 0 {
				b.Errorf("run %s is listed with steps %+v", r.ID, r.Steps)
			}
		}
		return err
	})
	return ids
}

var runCases = map[string]func(*recordBox){
	"a run's life": func(b *recordBox) {
		want := b.aRun("r1")
		b.create(want)
		b.equal("created", b.run("r1"), want)
		try := record.Attempt{Number: 1, State: record.Running, Worker: "w1", StartedAt: b.now}
		b.update(func(ctx context.Context, tx record.Tx) error { return tx.Runs().PutAttempt(ctx, "r1", "split", try) })
		try.State, try.FinishedAt, try.Kind, try.Error = record.Failed, b.now.Add(time.Second), fault.Unavailable, "down"
		second := record.Attempt{Number: 2, State: record.Succeeded, Worker: "w2", StartedAt: b.now.Add(time.Minute), FinishedAt: b.now.Add(2 * time.Minute)}
		b.update(func(ctx context.Context, tx record.Tx) error {
			for _, a := range []record.Attempt{second, try} {
				if err := tx.Runs().PutAttempt(ctx, "r1", "split", a); err != nil {
					return err
				}
			}
			if err := tx.Runs().SetStep(ctx, "r1", "split", record.Succeeded, json.RawMessage(`{"n":1}`)); err != nil {
				return err
			}
			return tx.Runs().SetStep(ctx, "r1", "split", record.Succeeded, nil) // keeps the output
		})
		want.Steps[0].State, want.Steps[0].Output = record.Succeeded, json.RawMessage(`{"n":1}`)
		want.Steps[0].Attempts = []record.Attempt{try, second}
		b.equal("attempts", b.run("r1"), want)
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Runs().SetRun(ctx, "r1", record.Failed, b.now.Add(time.Hour))
		})
		want.State, want.FinishedAt = record.Failed, b.now.Add(time.Hour)
		b.equal("finished", b.run("r1"), want)
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Runs().SetRun(ctx, "r1", record.Running, b.now.Add(2*time.Hour))
		})
		want.State, want.FinishedAt = record.Running, time.Time{}
		b.equal("taken up again", b.run("r1"), want)
	},
	"what is missing or twice": func(b *recordBox) {
		b.create(b.aRun("r1"))
		for _, fn := range []func(ctx context.Context, tx record.Tx) error{
			func(ctx context.Context, tx record.Tx) error { _, err := tx.Runs().Get(ctx, "no"); return err },
			func(ctx context.Context, tx record.Tx) error {
				return tx.Runs().SetRun(ctx, "no", record.Failed, b.now)
			},
			func(ctx context.Context, tx record.Tx) error {
				return tx.Runs().SetStep(ctx, "r1", "no", record.Failed, nil)
			},
			func(ctx context.Context, tx record.Tx) error {
				return tx.Runs().PutAttempt(ctx, "r1", "no", record.Attempt{Number: 1})
			},
		} {
			b.refused(fault.NotFound, fn)
		}
		b.refused(fault.Conflict, func(ctx context.Context, tx record.Tx) error { return tx.Runs().Create(ctx, b.aRun("r1")) })
	},
	"lists": func(b *recordBox) {
		var want []string
		for i := range 12 {
			r := b.aRun(fmt.Sprintf("r%02d", i))
			r.Collection = record.CollectionID(i%3 + 1)
			if i%2 == 0 {
				r.Pipeline = "rebuild"
			}
			if i >= 8 {
				r.State = record.Retrying
			}
			b.create(r)
			want = append([]string{r.ID}, want...)
		}
		b.equal("all", b.runs(record.RunFilter{}), want)
		var paged []string
		for before := ""; ; {
			page := b.runs(record.RunFilter{Before: before, Limit: 5})
			if len(page) == 0 {
				break
			}
			paged, before = append(paged, page...), page[len(page)-1]
		}
		b.equal("pages", paged, want)
		b.equal("pipeline", b.runs(record.RunFilter{Pipeline: "rebuild", Limit: 2}), []string{"r10", "r08"})
		b.equal("collection", b.runs(record.RunFilter{Collection: 1}), []string{"r09", "r06", "r03", "r00"})
		b.equal("state", b.runs(record.RunFilter{State: record.Retrying}), []string{"r11", "r10", "r09", "r08"})
		b.equal("together", b.runs(record.RunFilter{State: record.Retrying, Pipeline: "index", Collection: 1, Before: "r11"}), []string{"r09"})
	},
	"sweep": func(b *recordBox) {
		for i := range 6 {
			id := fmt.Sprintf("r%d", i)
			b.create(b.aRun(id))
			b.update(func(ctx context.Context, tx record.Tx) error {
				if err := tx.Runs().PutAttempt(ctx, id, "split", record.Attempt{Number: 1, State: record.Running}); err != nil || i == 5 {
					return err
				}
				return tx.Runs().SetRun(ctx, id, record.Succeeded, b.now.Add(time.Duration(i)*time.Minute))
			})
		}
		sweep := func(limit int) (n int) {
			b.update(func(ctx context.Context, tx record.Tx) (err error) {
				n, err = tx.Runs().Sweep(ctx, b.now.Add(3*time.Minute), limit)
				return err
			})
			return n
		}
		b.equal("swept", []int{sweep(2), sweep(2), sweep(2)}, []int{2, 1, 0})
		b.equal("left", b.runs(record.RunFilter{}), []string{"r5", "r4", "r3"})
		b.create(b.aRun("r0"))
		b.equal("no attempts are left behind", len(b.run("r0").Steps[0].Attempts), 0)
	},
}

var deadLetterCases = map[string]func(*recordBox){
	"one for a record and step": func(b *recordBox) {
		first := record.DeadLetter{
			Collection: 1, Ref: 5, Pipeline: "index", Step: "gate", Run: "r1", Kind: fault.Invalid, Message: "held back",
			Attempts: 1, FirstAt: b.now, LastAt: b.now,
		}
		b.bin(first)
		again := first
		again.Run, again.Kind, again.Message, again.Attempts = "r2", fault.Unavailable, "down", 3
		again.FirstAt, again.LastAt = b.now.Add(time.Hour), b.now.Add(time.Hour)
		b.bin(again)
		got := b.letters(record.DeadLetterFilter{})
		want := again
		want.ID, want.Attempts, want.FirstAt = got[0].ID, 4, b.now
		b.equal("open", got, []record.DeadLetter{want})
		other := first
		other.Step = "embed"
		b.bin(other)
		b.equal("another step", len(b.letters(record.DeadLetterFilter{})), 2)
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.DeadLetters().Resolve(ctx, 0, []record.Ref{5, 6}, b.now)
		})
		b.equal("resolved", len(b.letters(record.DeadLetterFilter{})), 0)
		b.bin(first)
		got = b.letters(record.DeadLetterFilter{})
		if len(got) != 1 || got[0].Attempts != 1 || got[0].ID == want.ID {
			b.Errorf("after it was resolved: %+v", got)
		}
	},
	"lists and counts": func(b *recordBox) {
		for i := range 10 {
			b.bin(record.DeadLetter{
				Collection: record.CollectionID(i%2 + 1), Ref: record.Ref(i + 1), Step: "gate", Attempts: 1,
				Kind: []fault.Kind{fault.Invalid, fault.Unavailable, fault.Internal}[i%3], FirstAt: b.now, LastAt: b.now,
			})
		}
		all := b.letters(record.DeadLetterFilter{})
		b.equal("all", len(all), 10)
		var paged []record.DeadLetter
		for after := int64(0); ; {
			page := b.letters(record.DeadLetterFilter{After: after, Limit: 3})
			if len(page) == 0 {
				break
			}
			paged, after = append(paged, page...), page[len(page)-1].ID
		}
		b.equal("pages", paged, all)
		internal := fault.Internal
		b.equal("kind", len(b.letters(record.DeadLetterFilter{Kind: &internal})), 3)
		b.equal("collection", len(b.letters(record.DeadLetterFilter{Collection: 2, Limit: 4})), 4)
		b.equal("ids", b.letters(record.DeadLetterFilter{IDs: []int64{all[3].ID, all[7].ID, 999}}), []record.DeadLetter{all[3], all[7]})
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.DeadLetters().Resolve(ctx, 0, []record.Ref{1}, b.now)
		})
		b.view(func(ctx context.Context, tx record.Tx) error {
			one, err := tx.DeadLetters().Count(ctx, 1)
			every, err2 := tx.DeadLetters().Count(ctx, 0)
			b.equal("counts", []int64{one, every}, []int64{4, 9})
			if err == nil {
				err = err2
			}
			return err
		})
	},
}

func (b *recordBox) bin(d record.DeadLetter) {
	b.Helper()
	b.update(func(ctx context.Context, tx record.Tx) error { return tx.DeadLetters().Put(ctx, d) })
}

func (b *recordBox) letters(f record.DeadLetterFilter) []record.DeadLetter {
	b.Helper()
	var out []record.DeadLetter
	b.view(func(ctx context.Context, tx record.Tx) (err error) {
		out, err = tx.DeadLetters().List(ctx, f)
		return err
	})
	return out
}

var auditCases = map[string]func(*recordBox){
	"pages, newest first": func(b *recordBox) {
		var want []record.AuditEntry
		for i := range 10 {
			e := record.AuditEntry{
				At: b.now.Add(time.Duration(i) * time.Second), Principal: "p", Action: "read", Resource: fmt.Sprint(i), Allowed: i%2 == 0, Reason: "why",
			}
			want = append([]record.AuditEntry{e}, want...)
		}
		b.update(func(ctx context.Context, tx record.Tx) error {
			if err := tx.Audit().Append(ctx, []record.AuditEntry{want[9], want[8], want[7]}); err != nil {
				return err
			}
			return tx.Audit().Append(ctx, nil)
		})
		b.update(func(ctx context.Context, tx record.Tx) error {
			for i := 6; i >= 0; i-- {
				if err := tx.Audit().Append(ctx, want[i:i+1]); err != nil {
					return err
				}
			}
			return nil
		})
		var got []record.AuditEntry
		pages := 0
		for before := int64(0); ; {
			b.view(func(ctx context.Context, tx record.Tx) error {
				page, next, err := tx.Audit().List(ctx, before, 4)
				got, before = append(got, page...), next
				return err
			})
			if pages++; before == 0 || pages > 10 {
				break
			}
		}
		b.equal("entries", got, want)
		b.equal("pages", pages, 3)
	},
}
