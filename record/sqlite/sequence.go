package sqlite

import "context"

// A sequence gives numbers in the order of commits: there is one writer, and
// a transaction that does not commit has given none.
type sequence string

const (
	changeNumbers  sequence = "UPDATE sequence SET change = change + ? RETURNING change"
	epochs         sequence = "UPDATE sequence SET epoch = epoch + ? RETURNING epoch"
	refs           sequence = "UPDATE sequence SET ref = ref + ? RETURNING ref"
	passageNumbers sequence = "UPDATE sequence SET passage = passage + ? RETURNING passage"
)

// next gives n numbers and returns the first.
func (t *tx) next(ctx context.Context, s sequence, n int) (int64, error) {
	var last int64
	_, err := t.get(ctx, "number", []any{&last}, string(s), n)
	return last - int64(n) + 1, err
}
