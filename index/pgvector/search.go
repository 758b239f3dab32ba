package pgvector

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
)

const (
	// Expressions that no graph serves make the first an exact search. Scores
	// are rounded before they are compared, so that equal ones are told by id.
	searchExact = `SELECT e.id, e.record, (-(e.vector <#> $1::text::vector))::real AS score
		FROM {entries} e{join} WHERE {matches} ORDER BY score DESC, e.id LIMIT $2`

	// The graph gives twice as many as asked for, to be ranked by full vectors.
	searchGraph = `SELECT id, record, score FROM (
			SELECT e.id, e.record, (-(e.vector <#> $1::text::vector))::real AS score FROM {entries} e{join} WHERE {matches}
			ORDER BY e.vector::halfvec({dims}) <#> $1::text::halfvec({dims}) LIMIT 2 * $2::bigint) near
		ORDER BY score DESC, id LIMIT $2`

	// BM25 by S. Robertson and H. Zaragoza, with k1 = 1.2 and b = 0.75. Parts
	// are added as integers, which gives one sum in any order, so that equal
	// texts have equal scores. Words are MATERIALIZED lest they are counted for
	// each posting.
	searchWords = `WITH size AS (SELECT entries::float8 AS n, length / entries::float8 AS average FROM indexes WHERE number = $3 AND entries > 0),
		found AS MATERIALIZED (SELECT term, (SELECT count(*) FROM {postings} p WHERE p.term = w.term)::float8 AS df FROM unnest($1::text[]) w (term)),
		words AS MATERIALIZED (SELECT term, ln(1 + (n - df + 0.5) / (df + 0.5)) AS idf FROM size, found WHERE df > 0),
		best AS (SELECT p.id, (sum(round(w.idf * p.count * 2.2 / (p.count + 1.2 * (0.25 + 0.75 * p.length / average)) * 4294967296)::bigint)
				/ 4294967296)::real AS score
			FROM size, words w JOIN {postings} p ON p.term = w.term{allowed}
			GROUP BY p.id ORDER BY score DESC, p.id LIMIT $2)
		SELECT id, e.record, score FROM best JOIN {entries} e USING (id) ORDER BY score DESC, id`
)

func scanHit(r pgx.Rows, h *index.Hit) error { return r.Scan(&h.ID, &h.Record, &h.Score) }

// Vector implements index.Index.
func (x *vectors) Vector(ctx context.Context, vector []float32, k int, f *index.Filter) (hits []index.Hit, err error) {
	unit := make([]float32, x.dims)
	if reason := index.Unit(unit, vector); reason != "" {
		return nil, fault.New(fault.Invalid, "the query's vector %s", reason)
	}
	join, matches, args := where(f, literal(unit), k)
	err = x.with(ctx, "search by vector", func(t tables) error {
		if k < 1 {
			return nil
		}
		search := func(sql string) ([]index.Hit, error) {
			return list(ctx, x.opener.pool, scanHit, t.sql(fill(sql, "{join}", join, "{matches}", matches)), args...)
		}
		var entries int64
		var graph bool
		if err := x.opener.pool.QueryRow(ctx, "SELECT entries, graph FROM indexes WHERE number = $1", t.number).Scan(&entries, &graph); err != nil {
			return gone(err)
		}
		if graph && entries >= x.opener.graphFrom {
			// Fewer may have stayed behind a filter, or be out of the graph's reach.
			if hits, err = search(searchGraph); err != nil || len(hits) == k {
				return err
			}
		}
		hits, err = search(searchExact)
		return err
	})
	return hits, err
}

// Lexical implements index.Index.
func (x *vectors) Lexical(ctx context.Context, query gate.Clean, k int, f *index.Filter) (hits []index.Hit, err error) {
	terms := index.QueryTerms(query)
	err = x.with(ctx, "search by words", func(t tables) error {
		if k < 1 || len(terms) == 0 {
			return nil
		}
		join, matches, args := where(f, terms, k, t.number)
		allowed := ""
		if f != nil {
			allowed = " AND EXISTS (SELECT FROM {entries} e" + join + " WHERE e.id = p.id AND " + matches + ")"
		}
		hits, err = list(ctx, x.opener.pool, scanHit, t.sql(fill(searchWords, "{allowed}", allowed)), args...)
		return err
	})
	return hits, err
}
