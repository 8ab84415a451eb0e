package linkcache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const versionSuffix = ".version"

// asksVersion says whether a tool of a Go distribution is asked for its id,
// which the go command does for each tool that it needs, each time that it
// runs.
func asksVersion(tool []string) bool {
	return len(tool) == 2 && tool[1] == "-V=full" && filepath.Base(filepath.Dir(filepath.Dir(tool[0]))) == "tool"
}

// version prints a tool's id. Starting a tool to ask takes longer than reading
// a file, so answers are kept. An answer depends on the tool's file, which is
// known by its identity, size and times, and on what internal/buildcfg reads from
// the environment, GOEXPERIMENT above all (cmd/internal/objabi, versionFlag). Not
// on the others that the go command sets for its tools: some name the module.
func (c *Cache) version(tool string) error {
	path, err := c.versionPath(tool)
	if err != nil {
		return err
	}
	answer, err := readVersion(path)
	if err != nil {
		if answer, err = exec.Command(tool, "-V=full").Output(); err != nil {
			return err
		}
		c.keepVersion(path, answer)
	}
	_, err = os.Stdout.Write(answer)
	return err
}

func (c *Cache) versionPath(tool string) (string, error) {
	state, _, err := stamp(tool)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %s\n", tool, state)
	for _, name := range linkerVariables {
		if value, ok := os.LookupEnv(name); ok && strings.HasPrefix(name, "GO") {
			fmt.Fprintf(h, "%s=%q\n", name, value)
		}
	}
	return filepath.Join(c.dir, hex.EncodeToString(h.Sum(nil)[:16])+versionSuffix), nil
}

// readVersion reads an answer from a file that belongs to the user. Behind the
// answer stands its sum: a damaged answer would look like another tool, and the
// go command would compile everything anew.
func readVersion(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := int(info.Size()) - versionSumSize
	if !info.Mode().IsRegular() || !ownFile(info) || size < 0 || size > 4096 {
		return nil, errDamaged
	}
	data := make([]byte, info.Size())
	if n, err := f.Read(data); err != nil || n != len(data) || !bytes.Equal(data[size:], versionSum(data[:size])) {
		return nil, errDamaged
	}
	return data[:size], nil
}

const versionSumSize = 8

func versionSum(answer []byte) []byte {
	return fmt.Appendf(nil, "%08x", crc32.Checksum(answer, castagnoli()))
}

// keepVersion stores an answer. An error costs the next question time, nothing
// else.
func (c *Cache) keepVersion(path string, answer []byte) {
	temp, err := os.CreateTemp(c.dir, tempPrefix)
	if err != nil {
		return
	}
	_, err = temp.Write(append(answer, versionSum(answer)...))
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		os.Remove(temp.Name())
	}
}
