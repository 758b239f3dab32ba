package embedding

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
)

// OpenFolder opens a folder as a bucket, creating it if need be, and returns
// the Sync for StoreConfig with it: the bucket alone leaves it to the
// operating system when a file reaches the disk.
func OpenFolder(dir string) (*blob.Bucket, func(ctx context.Context, key string) error, error) {
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		CreateDir: true, DirFileMode: 0o700,
		NoTempDir: true, // a rename from another disk would fail
		Metadata:  fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("open folder of embeddings: %w", err)
	}
	return bucket, func(_ context.Context, key string) error { return syncFile(dir, key) }, nil
}

// syncFile flushes a file, and the folders between it and dir, which hold its name.
func syncFile(dir, key string) error {
	path := filepath.Join(dir, filepath.FromSlash(key))
	for {
		if err := flush(path); err != nil {
			return err
		}
		if path == filepath.Clean(dir) {
			return nil
		}
		path = filepath.Dir(path)
	}
}

func flush(path string) error {
	f, err := os.Open(path) //nolint:gosec // a path below the folder that we opened
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
