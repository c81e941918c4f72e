package endpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/lakeward/lakeward"
)

// The first node of an endpoint lives in its data folder D; the others in D.nodes/2, D.nodes/3, … Beside them are
// nodes.json, the record, and primary, a link to the primary's data folder, by which standbys find it.

const firstNode = 1

func nodesFolder(dir string) string { return dir + ".nodes" }

func recordPath(dir string) string { return filepath.Join(nodesFolder(dir), "nodes.json") }

func primaryLink(dir string) string { return filepath.Join(nodesFolder(dir), "primary") }

// nodeFolder returns the data folder of a node of the endpoint whose data folder is dir.
func nodeFolder(dir string, number int) string {
	if number == firstNode {
		return dir
	}
	return filepath.Join(nodesFolder(dir), strconv.Itoa(number))
}

// nodeName is what a standby is called in PostgreSQL.
func nodeName(number int) string { return "node" + strconv.Itoa(number) }

// record is what must not be forgotten of the nodes. It is on the disk before anything is done by it.
type record struct {
	// Primary is the node that is the primary, or is being promoted.
	Primary int `json:"primary"`

	// Synchronous are standbys of which one has every commit that was acknowledged: the one that has received most. None
	// means that only the primary has them all.
	Synchronous []int `json:"synchronous,omitempty"`
}

func readRecord(dir string) (record, error) {
	r := record{Primary: firstNode}
	text, err := os.ReadFile(recordPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err == nil && r.Primary < firstNode {
		err = errors.New("it names no primary")
	}
	if err != nil {
		return r, lakeward.Errorf(lakeward.KindInvalid, "restore the file from a copy of the folder",
			"the record of the nodes, %s, is damaged: %w", recordPath(dir), err)
	}
	return r, nil
}

// write replaces the record on the disk; without sync it may be lost with the machine, as the data may.
func (r record) write(dir string, sync bool) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := makeNodesFolder(dir); err != nil {
		return err
	}
	path := recordPath(dir)
	if err := writeFile(path+unfinished, text, sync); err != nil {
		return fmt.Errorf("write the record of the nodes: %w", err)
	}
	if err := os.Rename(path+unfinished, path); err != nil {
		return fmt.Errorf("write the record of the nodes: %w", err)
	}
	if !sync {
		return nil
	}
	return syncFolder(nodesFolder(dir))
}

func writeFile(path string, text []byte, sync bool) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(text); err == nil && sync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// makeNodesFolder makes the folder of nodes; PostgreSQL's user must be able to pass, whatever the umask.
func makeNodesFolder(dir string) error {
	err := os.Mkdir(nodesFolder(dir), 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(nodesFolder(dir), 0o755)
}

// point makes the link lead to the record's primary.
func (r record) point(dir string) error {
	target := filepath.Join("..", filepath.Base(dir))
	if r.Primary != firstNode {
		target = strconv.Itoa(r.Primary)
	}
	link := primaryLink(dir)
	if now, err := os.Readlink(link); err == nil && now == target {
		return nil
	}
	if err := makeNodesFolder(dir); err != nil {
		return err
	}
	if err := os.Remove(link + unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, link+unfinished); err != nil {
		return err
	}
	return os.Rename(link+unfinished, link)
}

// nodesIn returns the numbers of the nodes that have a data folder, or half of one, in the folder of nodes.
func nodesIn(dir string) (numbers []int) {
	entries, _ := os.ReadDir(nodesFolder(dir)) // none when there is no folder
	for _, entry := range entries {
		if n, err := strconv.Atoi(entry.Name()); err == nil && entry.IsDir() {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
