package holdfast_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/embedding/builtin"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index/local"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/pipeline/river"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/sqlite"
	"github.com/holdfast/holdfast/search"
)

// open builds an App from the embedded drivers, all of it below one folder.
func open(ctx context.Context, dir string, key []byte) (*holdfast.App, error) {
	store, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "holdfast.db")})
	if err != nil {
		return nil, err
	}
	bucket, sync, err := embedding.OpenFolder(filepath.Join(dir, "embeddings"))
	if err != nil {
		return nil, err
	}
	indexes, err := local.Open(local.Config{Dir: filepath.Join(dir, "index")})
	if err != nil {
		return nil, err
	}
	model, err := builtin.New()
	if err != nil {
		return nil, err
	}
	return holdfast.New(holdfast.Config{
		Records: store, Bucket: bucket, Sync: sync, Index: indexes, Key: key,
		Embedders: map[string]embedding.Embedder{"builtin": model},
		Engine: func(observe pipeline.Observe) (pipeline.Engine, error) {
			return river.New(ctx, store, river.Config{Observe: observe})
		},
	})
}

// pseudonym stands for the mail address in clean text.
var pseudonym = regexp.MustCompile(`EMAIL_ADDRESS_[a-z2-9]{10}`)

// From declaring a collection to finding a record in it.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	dir, err := os.MkdirTemp("", "holdfast-example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	app, err := open(ctx, dir, make([]byte, gate.KeySize)) // a real key is random and kept safe
	if err != nil {
		fmt.Println(err)
		return
	}
	done := make(chan error)
	go func() { done <- app.Run(ctx) }()
	if err := findParcel(ctx, app); err != nil {
		fmt.Println(err)
	}
	stop()
	if err := <-done; err != nil {
		fmt.Println(err)
	}
	if err := app.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// T-1 open: The parcel arrived with a broken lid. [EMAIL]
}

func findParcel(ctx context.Context, app *holdfast.App) error {
	_, _, err := app.Declare(ctx, record.Declaration{
		Collection: "tickets", Content: []string{"body"}, Metadata: []string{"status"},
	})
	if err != nil {
		return err
	}
	_, err = app.Write(ctx, "tickets", []record.Write{
		{ID: "T-1", Fields: record.Fields{"body": "The parcel arrived with a broken lid. jane.doe@example.com", "status": "open"}},
		{ID: "T-2", Fields: record.Fields{"body": "The invoice shows the wrong tax rate.", "status": "open"}},
	})
	if err != nil {
		return err
	}
	if err := app.WaitIndexed(ctx, "tickets", nil); err != nil {
		return err
	}
	me := access.Principal{Name: "example", Local: true}
	found, err := app.Search(ctx, me, "tickets", search.Query{Text: gate.NewRaw("damaged delivery of a package"), K: 1})
	if err != nil {
		return err
	}
	for _, r := range found {
		fmt.Printf("%s %s: %s\n", r.ID, r.Fields["status"], pseudonym.ReplaceAllString(r.Passage.Text, "[EMAIL]"))
	}
	return nil
}
