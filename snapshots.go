package holdfast

import (
	"context"
	"errors"
	"io"

	"github.com/holdfast/holdfast/snapshot"
)

// CreateSnapshot pins a collection under a name. It waits for a moment in
// which no change awaits indexing.
func (a *App) CreateSnapshot(ctx context.Context, collection, name string) (snapshot.Snapshot, error) {
	for {
		changed := a.progress()
		one, err := a.snapshots.Create(ctx, collection, name)
		if !errors.Is(err, snapshot.ErrBusy) {
			return one, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return one, err
		}
	}
}

// Snapshots lists up to limit snapshots of a collection with names after the given one.
func (a *App) Snapshots(ctx context.Context, collection, after string, limit int) ([]snapshot.Snapshot, error) {
	c, err := a.Collection(ctx, collection)
	if err != nil {
		return nil, err
	}
	return a.snapshots.List(ctx, c.ID, after, limit)
}

// Snapshot finds a snapshot.
func (a *App) Snapshot(ctx context.Context, collection, name string) (snapshot.Snapshot, error) {
	c, err := a.Collection(ctx, collection)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	return a.snapshots.Get(ctx, c.ID, name)
}

// DeleteSnapshot deletes a snapshot; what only it referred to is swept later.
func (a *App) DeleteSnapshot(ctx context.Context, collection, name string) error {
	c, err := a.Collection(ctx, collection)
	if err != nil {
		return err
	}
	return a.snapshots.Delete(ctx, c.ID, name)
}

// ExportSnapshot writes one file of a snapshot, snapshot.RecordsFile or
// snapshot.PassagesFile. Its bytes are the same each time, until an erasure
// changes the snapshot's digest.
func (a *App) ExportSnapshot(ctx context.Context, one snapshot.Snapshot, file string, to io.Writer) error {
	return a.snapshots.Export(ctx, one, file, to)
}
