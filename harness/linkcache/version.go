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
)

const versionSuffix = ".version"

// version prints a tool's id from the cache, because starting the tool takes
// longer than reading a file. The answer depends on the tool's file, which is
// identified by inode, size and times, and on the variables that
// internal/buildcfg reads, GOEXPERIMENT above all (cmd/internal/objabi,
// versionFlag). It does not depend on the other variables that the go command
// sets for its tools, some of which name the module.
func (c *Cache) version(tool string) error {
	path, err := c.versionPath(tool)
	if err != nil {
		return err
	}
	answer, err := c.readVersion(path)
	if err != nil {
		if answer, err = exec.Command(tool, "-V=full").Output(); err != nil {
			return err
		}
		// After an error the next question takes longer, nothing else.
		_ = c.replace(path, func(temp *os.File) error {
			_, err := temp.Write(append(answer, versionSum(path, answer)...))
			return err
		})
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

const maxVersion = 4096

// readVersion reads an answer. The file ends with a sum of the answer and of
// the file's name, since a damaged answer, or that of another tool, would make
// the go command compile everything anew.
func (c *Cache) readVersion(path string) ([]byte, error) {
	data, err := c.read(path, maxVersion)
	if err != nil {
		return nil, err
	}
	size := len(data) - versionSumSize
	if size < 0 || !bytes.Equal(data[size:], versionSum(path, data[:size])) {
		return nil, errDamaged
	}
	return data[:size], nil
}

const versionSumSize = 8

func versionSum(path string, answer []byte) []byte {
	sum := crc32.Checksum([]byte(filepath.Base(path)), castagnoli())
	return fmt.Appendf(nil, "%08x", crc32.Update(sum, castagnoli(), answer))
}
