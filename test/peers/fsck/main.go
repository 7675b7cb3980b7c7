// Command fsck walks a tlog-tiles log in a folder with Tessera's library, which nobody here wrote.
//
//	fsck VKEY DIR
//
// It exits 0 when it finds no fault, else 1 and names the level of the fault.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: fsck VKEY DIR")
		os.Exit(2)
	}
	if err := check(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "not verified:", err)
		os.Exit(1)
	}
	fmt.Println("no fault")
}

func check(vkey, dir string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return fmt.Errorf("vkey: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	walk := fsck.New(verifier.Name(), verifier, &client.FileFetcher{Root: dir}, leafHashes, fsck.Opts{N: 4})
	done := make(chan error, 1)
	go func() { done <- walk.Check(ctx) }()
	// Check of v1.0.4 blocks for ever once all its workers have met a fault, so its status is looked at as well.
	for {
		select {
		case err := <-done:
			return errors.Join(err, fault(walk.Status()))
		case <-time.After(100 * time.Millisecond):
			if err := fault(walk.Status()); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func fault(status fsck.Status) error {
	for level, ranges := range append(status.TileRanges, status.EntryRanges) {
		for _, each := range ranges {
			if each.State == fsck.Invalid || each.State == fsck.FetchError {
				return fmt.Errorf("level %d of %d (the last is the entries): %v", level, len(status.TileRanges), each)
			}
		}
	}
	return nil
}

func leafHashes(bundle []byte) ([][]byte, error) {
	parsed := &api.EntryBundle{}
	if err := parsed.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(parsed.Entries))
	for i, entry := range parsed.Entries {
		hashes[i] = rfc6962.DefaultHasher.HashLeaf(entry)
	}
	return hashes, nil
}
