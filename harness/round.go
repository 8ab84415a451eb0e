package harness

import (
	"fmt"
	"syscall"

	"pgtest/harness/plural"
	"pgtest/jsonstream/result"
)

// A round is one run of a source and its tests.
type round struct {
	source      source
	status      syscall.WaitStatus // of the command; 0 without one
	over        bool               // the source has ended, and everything is read
	unfollowed  bool               // the watchdog was killed, so nobody knows of the command
	killed      bool               // the command was told to die by SIGKILL
	untidy      bool               // something died that should have cleaned up
	interrupted bool               // the tests were asked to end before their time
	waiting     bool               // for supervisors to do as they were told
	silent      int                // how often they had not
}

// first is what counts of the first round once tests have run again.
type first struct {
	again  bool
	status int // the exit status
}

// exitCode is the exit status of the command that printed the events: 0 if
// there was none, negative if it was killed.
func (r *round) exitCode() int { return r.status.ExitStatus() }

// goUsage is go test's exit status for a command line that it does not
// understand.
const goUsage = 2

// refused reports whether go test did not understand its command line, so that
// there was no round. seen says that there were events.
func (r *round) refused(seen bool) bool {
	return r.source.runsGo() && r.exitCode() == goUsage && !seen
}

// verdict returns the exit status as far as the events are whole, and a message,
// if any. Once tests have run again it is that of the first round, unless all
// that had failed came good. What failed in quarantine counts for nothing, unless
// go printed an error, which no event may tell. leaks says that processes were left
// behind that make a package fail.
func (p *plan) verdict(report result.Report, leaks, failFlaky bool) (status int, message string) {
	status = p.exitCode()
	if status == 1 && report.QuarantinedTests > 0 && report.Errors == 0 && report.OK() {
		status = 0
	}
	if status < 0 && !p.interrupted && !p.unfollowed {
		message = fmt.Sprintf("pgtest: %s: signal: %v", p.source.name(), p.status.Signal())
	}
	failed := (!p.source.runsGo() || p.first.again) && !report.OK() || failFlaky && report.FlakyTests > 0 || leaks
	switch {
	case p.early:
		return 1, message
	case p.first.again && failed:
		return max(p.first.status, 1), message
	case status < 0, status == 0 && failed:
		return 1, message
	}
	return status, message
}

// incompleteStatus is the exit status for incomplete events if the command that
// printed them succeeded.
const incompleteStatus = 2

// incomplete returns why the events are incomplete: not everything could be
// read, or something that began has no end. It returns nil if they are
// complete, and also if the round was ended or the command killed, which
// explains it.
func (r *round) incomplete(report result.Report, unread error) error {
	reason := ""
	switch {
	case unread != nil:
		reason = unread.Error()
	case r.interrupted || r.exitCode() < 0:
	case report.Cut:
		reason = "the events end in the middle of a line"
	default:
		reason = withoutEnd(report)
	}
	if reason == "" {
		return nil
	}
	return fmt.Errorf("%s: %s", r.source.name(), reason)
}

// withoutEnd says which packages have no end, "" for none.
func withoutEnd(report result.Report) string {
	var open []string
	failed := false
	for _, p := range report.Packages {
		failed = failed || p.End.Failed()
		if p.NoEnd && p.End.Failed() {
			open = append(open, p.Path)
		}
	}
	switch {
	case len(open) == 1:
		return "the events end before " + open[0]
	case len(open) > 1:
		return fmt.Sprintf("the events end before %s and %s", open[0], plural.Count(len(open)-1, "other package", "other packages"))
	case len(report.FailedBuilds) > 0 && !failed:
		return "the events end before what needs " + report.FailedBuilds[0] + ", which could not be built"
	}
	return ""
}
