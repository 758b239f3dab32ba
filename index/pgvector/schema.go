package pgvector

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/fault"
)

// tables are those of one index. A number is never used again.
type tables struct {
	number int64
	dims   int
}

// sql puts the tables' names into a statement.
func (t tables) sql(text string) string {
	n := strconv.FormatInt(t.number, 10)
	return strings.NewReplacer("{entries}", "entries_"+n, "{postings}", "postings_"+n, "{meta}", "meta_"+n,
		"{graph}", "graph_"+n, "{dims}", strconv.Itoa(t.dims)).Replace(text)
}

// indexes lists what there is, with the sums that BM25 needs.
const indexes = `CREATE TABLE IF NOT EXISTS indexes (
	number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE,
	dimensions integer NOT NULL,
	format integer NOT NULL,
	graph boolean NOT NULL DEFAULT false, -- one is built
	entries bigint NOT NULL DEFAULT 0,
	length bigint NOT NULL DEFAULT 0 -- of all entries, in terms
) WITH (fillfactor = 50)`

// schema is one index. A key of entries holds what Scan and Ranges read, one
// of postings what Lexical does, so that neither visits the table.
const schema = `
CREATE TABLE {entries} (
	id bigint NOT NULL,
	record bigint NOT NULL,
	tag bigint NOT NULL,
	length integer NOT NULL, -- in terms
	vector vector({dims}) NOT NULL, -- of length 1
	PRIMARY KEY (id) INCLUDE (record, tag)
);
CREATE INDEX ON {entries} (record);
CREATE TABLE {postings} (
	term text COLLATE "C" NOT NULL,
	id bigint NOT NULL,
	count integer NOT NULL,
	length integer NOT NULL, -- of the entry
	PRIMARY KEY (term, id) INCLUDE (count, length)
);
CREATE INDEX ON {postings} (id);
CREATE TABLE {meta} (
	record bigint PRIMARY KEY,
	tag bigint NOT NULL,
	facts bytea[] NOT NULL -- see facts
);
CREATE INDEX ON {meta} USING gin (facts);
`

// prepare makes the schema and the extension, and returns the schema that the
// extension lives in.
func prepare(ctx context.Context, cfg *pgx.ConnConfig, schema string) (extension string, err error) {
	const doing = "prepare the database for vectors"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return "", explain(ctx, doing, err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// One process at a time: IF NOT EXISTS does not help two that begin together.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('holdfast index', 0))"); err != nil {
			return err
		}
		if extension, err = withVector(ctx, tx); err != nil {
			return err
		}
		var exists bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema).Scan(&exists); err != nil {
			return err
		}
		name := pgx.Identifier{schema}.Sanitize()
		if !exists {
			if _, err := tx.Exec(ctx, "CREATE SCHEMA "+name); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "SET LOCAL search_path = "+name); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, indexes)
		return err
	})
	return extension, explain(ctx, doing, err)
}

// withVector sees to it that the extension is there.
func withVector(ctx context.Context, tx pgx.Tx) (schema string, err error) {
	const find = "SELECT n.nspname, e.extversion FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'"
	const help = "install pgvector 0.8 or newer on the server, then run CREATE EXTENSION vector in this database as a superuser"
	var version string
	err = tx.QueryRow(ctx, find).Scan(&schema, &version)
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err := tx.Exec(ctx, "CREATE EXTENSION vector WITH SCHEMA public"); err != nil {
			return "", fault.New(fault.Unavailable, "the database has no extension for vectors; %s: %w", help, explain(ctx, "create it", err))
		}
		err = tx.QueryRow(ctx, find).Scan(&schema, &version)
	}
	if err != nil {
		return "", err
	}
	major, minor, _ := strings.Cut(version, ".")
	minor, _, _ = strings.Cut(minor, ".")
	if n, err := strconv.Atoi(minor); major == "0" && (err != nil || n < 8) {
		return "", fault.New(fault.Unavailable, "the database has pgvector %s; %s, or ALTER EXTENSION vector UPDATE", version, help)
	}
	return schema, nil
}
