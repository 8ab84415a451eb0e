package harnesstest

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"time"
)

// A CacheServer is the server of github.com/bradfitz/go-tool-cache: what
// machines put there is there for others.
type CacheServer struct {
	address string
	client  string
	server  *exec.Cmd
}

// StartCacheServer builds server and client into dir, and starts the server
// there, with more arguments. The caller owns dir, and must call Stop. It must
// run in a directory of this module.
func StartCacheServer(dir string, args ...string) (*CacheServer, error) {
	const programs = "github.com/bradfitz/go-tool-cache/cmd/"
	build := exec.Command("go", "build", "-o", dir+"/", programs+"go-cacher", programs+"go-cacher-server")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &CacheServer{address: free.Addr().String(), client: filepath.Join(dir, "go-cacher")}
	free.Close()
	args = append(args, "-listen="+s.address, "-cache-dir="+filepath.Join(dir, "server"))
	s.server = exec.Command(filepath.Join(dir, "go-cacher-server"), args...)
	if err := s.server.Start(); err != nil {
		return nil, err
	}
	for range 3000 {
		if conn, err := net.Dial("tcp", s.address); err == nil {
			conn.Close()
			return s, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Stop()
	return nil, fmt.Errorf("no cache server at %s", s.address)
}

// Program returns the value of GOCACHEPROG for a machine that keeps in dir what
// it gets.
func (s *CacheServer) Program(dir string) string {
	return fmt.Sprintf("'%s' -cache-server=http://%s '-cache-dir=%s'", s.client, s.address, dir)
}

// Stop ends the server.
func (s *CacheServer) Stop() {
	s.server.Process.Kill()
	s.server.Wait()
}
