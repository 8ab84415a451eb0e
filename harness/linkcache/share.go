package linkcache

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/internal/cacheprog"
	"pgtest/harness/internal/message"
	"pgtest/harness/internal/socket"
)

// patience is how long a run waits for the cache program. What it may cost are a
// moment and a part of the run, together for links that wait in vain and for the end
// of the run. Links that it has saved count for it.
type patience struct {
	moment time.Duration
	first  time.Duration // for the first put: a run may be short, a program slow to start
	get    time.Duration // at most, whatever the program has saved
	put    time.Duration // beside the run, and a second more for each megabyte
}

var usual = patience{moment: time.Second / 10, first: 2 * time.Second, get: 5 * time.Second, put: 5 * time.Second}

// maxPutErrors is how many puts may fail in a row, maxDamaged how many answers may be
// damaged, and maxLate how many may come in a row when the link is done.
const (
	maxPutErrors = 3
	maxDamaged   = 3
	maxLate      = 10
)

// share is the part of a time that the program may cost.
func share(d time.Duration) time.Duration { return d / 100 }

// A Share is the run's end of GOCACHEPROG, a program that may have links of
// other machines. It asks the program for the links of the run that the cache
// has not, and gives it those that are new, beside the run. The program starts
// when the first link asks.
type Share struct {
	cache    *Cache
	words    []string // of the program
	env      []string
	dir      string
	socket   *socket.Listener
	started  time.Time
	patience patience
	serving  sync.WaitGroup

	asking     context.Context // done when no link waits any more
	stopAsking context.CancelFunc

	mu      sync.Mutex
	program *program
	tried   bool          // the program was started
	lost    time.Duration // a processor's time that the program has cost
	conns   map[*os.File]bool
	puts    chan key      // what is to be put; nil before the first
	storing bool          // that has begun
	stored  chan struct{} // closed when all was put
	first   time.Time     // when the first put was asked for
	inTime  bool          // an answer came before the link was done
	any     bool          // a put was answered
	damaged int           // answers
	late    int           // answers since one that was not
}

// maxPuts bounds the links that wait to be put. Beyond, they are not.
const maxPuts = 10000

// A question is what a link sends: first its key, then how it went on.
type question struct {
	Key     []byte        `json:",omitempty"`
	Lost    time.Duration `json:",omitempty"` // by waiting; negative if that saved time
	Linked  bool          `json:",omitempty"` // the cache has a new entry
	Late    bool          `json:",omitempty"` // the link was done before the answer came
	Damaged bool          `json:",omitempty"` // the answer was not the link
}

// An answer is what a link gets: the program's, or first that this comes later, and
// the link should be done meanwhile.
type answer struct {
	cacheprog.Response
	Later bool `json:",omitempty"`
}

var missing = answer{Response: cacheprog.Response{Miss: true}}

// Share returns the run's end of Program, which runs in dir with env. Links connect
// to sock. The caller must call Close.
func (c *Cache) Share(sock *socket.Listener, dir string, env []string) (*Share, error) {
	words, err := gotest.SplitQuoted(c.Program)
	if err != nil || len(words) == 0 {
		return nil, err
	}
	s := &Share{cache: c, words: words, env: env, dir: dir, socket: sock, started: time.Now(), patience: usual, conns: map[*os.File]bool{}}
	s.asking, s.stopAsking = context.WithCancel(context.Background())
	s.serving.Go(s.accept)
	return s, nil
}

func (s *Share) accept() {
	for {
		conn, _, err := s.socket.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = true
		s.mu.Unlock()
		s.serving.Go(func() {
			s.serve(conn)
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
			conn.Close()
		})
	}
}

// serve answers a link.
func (s *Share) serve(conn *os.File) {
	messages := json.NewDecoder(conn)
	var q question
	if messages.Decode(&q) != nil || len(q.Key) != len(key{}) {
		return
	}
	k := key(q.Key)
	ctx, cancel := context.WithTimeout(s.asking, s.patience.get)
	defer cancel()
	has := make(chan bool, 1)
	go func() { has <- s.answer(ctx, conn, k) }()
	q = question{}
	if messages.Decode(&q) != nil { // the link is gone, and says nothing of the program
		cancel()
		<-has
		return
	}
	s.account(q)
	if had := <-has; q.Linked && (!had || !q.Late) {
		s.put(k)
	}
}

// answer asks the program for a link and sends the answer, which it returns. As long
// as that can pay the link waits.
func (s *Share) answer(ctx context.Context, conn *os.File, k key) (has bool) {
	asked := make(chan answer, 1)
	go func() { asked <- s.get(ctx, k) }()
	patience := time.NewTimer(s.allowance())
	defer patience.Stop()
	var a answer
	select {
	case a = <-asked:
	case <-patience.C:
		message.Send(conn, answer{Later: true})
		a = <-asked
	}
	message.Send(conn, a)
	return !a.Miss
}

// get asks the program for a link.
func (s *Share) get(ctx context.Context, k key) answer {
	p := s.asked()
	if p == nil {
		return missing
	}
	r, err := p.send(ctx, cacheprog.Request{Command: "get", ActionID: k[:]}, nil)
	if err != nil {
		return missing
	}
	return answer{Response: r}
}

// account takes note of what the program has brought a link. As many links are made
// at a time as there are processors.
func (s *Share) account(q question) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost += q.Lost / time.Duration(runtime.NumCPU())
	switch {
	case q.Late:
		s.late++
	case s.late < maxLate:
		s.late, s.inTime = 0, true
		s.beginPuts()
	}
	if !q.Damaged {
		return
	}
	// What it was given would have to be given anew in each run.
	if s.damaged++; s.damaged == maxDamaged && s.program != nil {
		s.program.fail()
	}
}

// asked returns the program, which it starts the first time, or nil if that can't be
// asked or is too slow.
func (s *Share) asked() *program {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.tried {
		s.tried = true
		s.program, _ = startProgram(s.words, s.env, s.dir)
	}
	if s.late >= maxLate {
		return nil
	}
	return s.program
}

// allowance is what the program may cost from now on.
func (s *Share) allowance() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.patience.moment + share(time.Since(s.started)) - s.lost
}

// put has the new entry stored in the program, not before that has answered in time:
// entries of one that is too slow are of no use to other machines.
func (s *Share) put(k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.program == nil {
		return
	}
	if s.puts == nil {
		s.puts, s.stored = make(chan key, maxPuts), make(chan struct{})
		s.first = time.Now()
	}
	select {
	case s.puts <- k:
	default:
	}
	if s.inTime {
		s.beginPuts()
	}
}

// beginPuts begins to store what waits for it. s.mu must be held.
func (s *Share) beginPuts() {
	if s.puts != nil && !s.storing {
		s.storing = true
		go s.store(s.program)
	}
}

// store puts entries one after the other.
func (s *Share) store(p *program) {
	defer close(s.stored)
	failures, packer := 0, &packer{dir: s.cache.dir}
	for k := range s.puts {
		if failures == maxPutErrors || p.hasFailed() {
			continue
		}
		if err := s.cache.offer(p, packer, k, s.patience.put); err != nil {
			failures++
			continue
		}
		failures = 0
		s.mu.Lock()
		s.any = true
		s.mu.Unlock()
	}
}

// offer stores an entry in the program.
func (c *Cache) offer(p *program, to *packer, k key, patience time.Duration) error {
	entry, err := c.open(c.entryPath(k), os.O_RDONLY)
	if err != nil {
		return err
	}
	defer entry.Close()
	body, err := to.pack(entry, k)
	if err != nil {
		return err
	}
	defer body.Close()
	id, size, err := outputID(body)
	if err != nil {
		return err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience+time.Duration(size>>20)*time.Second)
	defer cancel()
	_, err = p.send(ctx, cacheprog.Request{Command: "put", ActionID: k[:], OutputID: id, BodySize: size}, body)
	if ctx.Err() != nil {
		p.fail()
	}
	return err
}

// outputID returns what the go command uses as output id, the SHA-256 of the
// content, and its length.
func outputID(body io.Reader) ([]byte, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, body)
	return h.Sum(nil), n, err
}

// Close waits until the program has what is new and has ended, within what it may
// cost, and ends it then. If ctx is done before, Close ends it at once. No link of
// the run may ask any more.
func (s *Share) Close(ctx context.Context) {
	if s == nil {
		return
	}
	s.socket.Close()
	s.stopAsking()
	s.mu.Lock()
	program := s.program
	for conn := range s.conns { // all but closed at the other end
		conn.SetReadDeadline(time.Now().Add(time.Second))
	}
	s.mu.Unlock()
	if program == nil {
		s.serving.Wait()
		return
	}
	// What is being asked still ends, unless the program reads nothing.
	asked, cancel := context.WithTimeout(ctx, s.patience.first)
	defer cancel()
	stop := context.AfterFunc(asked, program.fail)
	s.serving.Wait()
	stop()
	s.mu.Lock()
	if s.late < maxLate { // there were few links to answer
		s.beginPuts()
	}
	s.mu.Unlock()
	ctx, cancel = context.WithTimeout(ctx, max(s.allowance(), s.untilFirst()))
	defer cancel()
	defer context.AfterFunc(ctx, program.fail)()
	if s.storing {
		close(s.puts)
		<-s.stored
	}
	program.close(ctx)
}

// untilFirst is how long the first put may still take. A run of some seconds has
// been waiting for it long enough.
func (s *Share) untilFirst() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.storing || s.any {
		return 0
	}
	return s.patience.first - time.Since(s.first)
}

// PID is the id of the program's process, or 0.
func (s *Share) PID() int {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.program == nil {
		return 0
	}
	return s.program.cmd.Process.Pid
}
