// Command tlog checks a whole log of whodid, or any C2SP tlog-tiles log, with golang.org/x/mod/sumdb and nothing of ours.
//
//	tlog VKEY URL|DIR [EARLIER-CHECKPOINT-FILE ...]
//
// It prints one line and exits 0 when the log's signature, every entry, every tile, the root and some proofs of the
// newest checkpoint are right, and when each earlier checkpoint is signed and continued by it. Else it exits 1 and says
// what is wrong.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: tlog VKEY URL|DIR [EARLIER-CHECKPOINT-FILE ...]")
		os.Exit(2)
	}
	line, err := verify(os.Args[1], fetcher(os.Args[2]), os.Args[3:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "not verified:", err)
		os.Exit(1)
	}
	fmt.Println(line)
}

// fetch returns what a path below the log's prefix holds; fs.ErrNotExist when there is no such thing.
type fetch func(path string) ([]byte, error)

func verify(vkey string, get fetch, earlier []string) (string, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return "", fmt.Errorf("vkey: %w", err)
	}
	if err := checkDescription(vkey, verifier.Name(), get); err != nil {
		return "", err
	}
	signed, err := get("checkpoint")
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	tree, err := openCheckpoint(signed, verifier)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	stored, err := readEntries(tree, get)
	if err != nil {
		return "", err
	}
	if root, err := tlog.TreeHash(tree.N, stored); err != nil || root != tree.Hash {
		return "", fmt.Errorf("checkpoint: its root %v is not that of the entries (%v, %v)", tree.Hash, root, err)
	}
	if err := checkTiles(tree, stored, get); err != nil {
		return "", err
	}
	if err := checkProofs(tree, get); err != nil {
		return "", err
	}
	for _, file := range earlier {
		if err := checkEarlier(file, verifier, tree, get); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
	}
	return fmt.Sprintf("%s: %d entries verified, root %v, %d earlier checkpoints", verifier.Name(), tree.N, tree.Hash, len(earlier)), nil
}

// checkDescription compares log.vkey and log.json, where the log has them, with what the key makes them.
func checkDescription(vkey, origin string, get fetch) error {
	parts := append([]string{"", ""}, strings.Split(origin, "/")...)
	stream, period := parts[len(parts)-2], parts[len(parts)-1]
	expected := map[string]string{
		"log.vkey": vkey + "\n",
		"log.json": fmt.Sprintf(`{"origin":%q,"vkey":%q,"stream":%q,"period":%q,"minimumIndex":0}`+"\n", origin, vkey, stream, period),
	}
	if period == "root" || strings.HasPrefix(period, "root.") {
		expected["log.json"] = fmt.Sprintf(`{"origin":%q,"vkey":%q,"stream":"root","minimumIndex":0}`+"\n", origin, vkey)
	}
	for path, content := range expected {
		found, err := get(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if string(found) != content {
			return fmt.Errorf("%s: it is not that of %s with this key", path, origin)
		}
	}
	return nil
}

func openCheckpoint(signed []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("it is not of log %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return tlog.Tree{}, fmt.Errorf("its size is %q", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// hashes holds all hashes of a tree in tlog's own order.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(h)) {
			return nil, fmt.Errorf("no stored hash %d", index)
		}
		found[i] = h[index]
	}
	return found, nil
}

// readEntries makes all hashes anew from the entries.
func readEntries(tree tlog.Tree, get fetch) (hashes, error) {
	var stored hashes
	for first := int64(0); first < tree.N; first += tileWidth {
		width := min(tileWidth, tree.N-first)
		path := bundlePath(first/tileWidth, width)
		bundle, err := get(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for i := first; i < first+width; i++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return nil, fmt.Errorf("%s: it ends before entry %d", path, i)
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			more, err := tlog.StoredHashes(i, bundle[2:end], stored)
			if err != nil {
				return nil, err
			}
			stored, bundle = append(stored, more...), bundle[end:]
		}
		if len(bundle) > 0 {
			return nil, fmt.Errorf("%s: %d bytes after its last entry", path, len(bundle))
		}
	}
	return stored, nil
}

// checkTiles compares every tile that the tree has with the hashes of its entries.
func checkTiles(tree tlog.Tree, stored hashes, get fetch) error {
	for _, tile := range tlog.NewTiles(tileHeight, 0, tree.N) {
		expected, err := tlog.ReadTileData(tile, stored)
		if err != nil {
			return err
		}
		found, err := get(tilePath(tile))
		if err != nil {
			return fmt.Errorf("%s: %w", tilePath(tile), err)
		}
		if !bytes.Equal(found, expected) {
			return fmt.Errorf("%s: its hashes are not those of the entries", tilePath(tile))
		}
	}
	return nil
}

// checkProofs makes and checks proofs the way an outsider would: from tiles that it authenticates itself.
func checkProofs(tree tlog.Tree, get fetch) error {
	reader := tlog.TileHashReader(tree, tileReader{get})
	for _, index := range []int64{0, tree.N / 3, tree.N / 2, tree.N - 1} {
		if index < 0 || index >= tree.N {
			continue
		}
		hash, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		if err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash[0]); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
	}
	return nil
}

func checkEarlier(file string, verifier note.Verifier, tree tlog.Tree, get fetch) error {
	signed, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	older, err := openCheckpoint(signed, verifier)
	if err != nil {
		return err
	}
	if older.N > tree.N {
		return fmt.Errorf("it has %d entries, the log only %d", older.N, tree.N)
	}
	proof, err := tlog.ProveTree(tree.N, older.N, tlog.TileHashReader(tree, tileReader{get}))
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash)
}

type tileReader struct{ get fetch }

func (r tileReader) Height() int { return tileHeight }

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		found, err := r.get(tilePath(tile))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", tilePath(tile), err)
		}
		data[i] = found
	}
	return data, nil
}

func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// tilePath is that of tlog-tiles: without the height that Go's own paths begin with.
func tilePath(tile tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
}

func bundlePath(index, width int64) string {
	tile := tlog.Tile{H: tileHeight, L: 0, N: index, W: int(width)}
	return "tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/8/0/")
}

func fetcher(at string) fetch {
	if !strings.HasPrefix(at, "http://") && !strings.HasPrefix(at, "https://") {
		return func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(at, filepath.FromSlash(path))) }
	}
	return func(path string) ([]byte, error) {
		request, err := http.NewRequest(http.MethodGet, strings.TrimSuffix(at, "/")+"/"+path, nil)
		if err != nil {
			return nil, err
		}
		if token := os.Getenv("WHODID_TOKEN"); token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		if response.StatusCode == http.StatusNotFound {
			return nil, fs.ErrNotExist
		}
		if response.StatusCode != http.StatusOK {
			return nil, errors.New(response.Status)
		}
		return io.ReadAll(response.Body)
	}
}
