package archived

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"pgtest/harness/gotest"
)

// A profile is the file of -coverprofile. A nil profile takes nothing.
type profile struct {
	mu   sync.Mutex
	file *os.File
	mode []byte // its first line
}

func newProfile(set gotest.Settings, wd, mode string) (*profile, error) {
	path := set.CoverProfile
	if path == "" {
		return nil, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(cmp.Or(set.OutputDir, wd), path)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	p := &profile{file: f, mode: fmt.Appendf(nil, "mode: %s\n", mode)}
	_, err = f.Write(p.mode)
	return p, err
}

// merge adds the profile that a test binary wrote.
func (p *profile) merge(text []byte) error {
	if p == nil || len(text) == 0 {
		return nil
	}
	blocks, ok := bytes.CutPrefix(text, p.mode)
	if !ok {
		return fmt.Errorf("-coverprofile: a test wrote a malformed profile: it begins %.20q", text)
	}
	return p.add(blocks)
}

// add adds blocks.
func (p *profile) add(blocks []byte) error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.file.Write(blocks)
	return err
}

func (p *profile) close() error {
	if p == nil {
		return nil
	}
	return p.file.Close()
}
