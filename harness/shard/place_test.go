package shard

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		value string
		env   string // as "A=1 B=2"
		want  string // the place, or a part of the error
	}{
		{"1/1", "", "1/1"},
		{"2/4", "CI_NODE_INDEX=3 CI_NODE_TOTAL=4", "2/4"},
		{"0/4", "", `bad value "0/4": shards are counted from 1 to 4`},
		{"5/4", "", `bad value "5/4": shards are counted from 1 to 4`},
		{"1/0", "", `bad value "1/0": the number of shards must be 1 or more`},
		{"1", "", `bad value "1": want i/n, auto or auto/n`},
		{"", "", `bad value "": want i/n, auto or auto/n`},
		{"a/b", "", `bad value "a/b": the number of shards must be 1 or more`},
		{"1/2/3", "", `bad value "1/2/3": the number of shards must be 1 or more`},
		{"x/3", "", `bad value "x/3": want i/n, auto or auto/n`},

		{"auto", "", "no variable of a system that is known"},
		{"auto", "CI_NODE_INDEX=2 CI_NODE_TOTAL=5", "GitLab 2/5"},
		{"auto", "CI_NODE_TOTAL=1", "GitLab 1/1"},
		{"auto", "CI_NODE_TOTAL=2", "no variable"},
		{"auto", "CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=5", "CircleCI 1/5"},
		{"auto", "BUILDKITE_PARALLEL_JOB=4 BUILDKITE_PARALLEL_JOB_COUNT=5", "Buildkite 5/5"},
		{"auto", "SEMAPHORE_JOB_INDEX=1 SEMAPHORE_JOB_COUNT=3", "Semaphore 1/3"},
		{"auto", "SYSTEM_JOBPOSITIONINPHASE=3 SYSTEM_TOTALJOBSINPHASE=3", "Azure Pipelines 3/3"},
		{"auto", "BITBUCKET_PARALLEL_STEP=1 BITBUCKET_PARALLEL_STEP_COUNT=3", "Bitbucket 2/3"},
		{"auto", "TEST_SHARD_INDEX=0 TEST_TOTAL_SHARDS=2", "Bazel 1/2"},
		{"auto", "AWS_BATCH_JOB_ARRAY_INDEX=9 AWS_BATCH_JOB_ARRAY_SIZE=10", "AWS Batch 10/10"},
		{"auto/10", "AWS_BATCH_JOB_ARRAY_INDEX=9", "AWS Batch 10/10"},
		{"auto", "BATCH_TASK_INDEX=0 BATCH_TASK_COUNT=1", "Google Batch 1/1"},
		{"auto", "CLOUD_RUN_TASK_INDEX=2 CLOUD_RUN_TASK_COUNT=3", "Cloud Run 3/3"},
		{"auto", "JOB_COMPLETION_INDEX=2", "Kubernetes does not say how many there are; give auto/n"},
		{"auto/3", "JOB_COMPLETION_INDEX=2", "Kubernetes 3/3"},
		{"auto/2", "JOB_COMPLETION_INDEX=2", "JOB_COMPLETION_INDEX is 2, of 2 jobs"},
		{"auto/3", "NOMAD_ALLOC_INDEX=0", "Nomad 1/3"},
		{"auto", "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=4 SLURM_ARRAY_TASK_STEP=1 SLURM_ARRAY_TASK_COUNT=4", "Slurm 3/4"},
		{"auto", "SLURM_ARRAY_TASK_ID=30 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_MAX=35 SLURM_ARRAY_TASK_STEP=10 SLURM_ARRAY_TASK_COUNT=3", "Slurm 3/3"},
		{"auto", "SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_STEP=1 SLURM_ARRAY_TASK_COUNT=3", "Slurm: the array's indices do not follow"},
		{"auto", "SLURM_ARRAY_TASK_ID=15 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_MAX=30 SLURM_ARRAY_TASK_STEP=10 SLURM_ARRAY_TASK_COUNT=3", "Slurm: the array's indices do not follow"},
		{"auto", "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=3 SLURM_ARRAY_TASK_STEP=0 SLURM_ARRAY_TASK_COUNT=3", "Slurm: the array's indices do not follow"},
		{"auto", "SLURM_ARRAY_TASK_ID=7", `SLURM_ARRAY_TASK_MIN is "", which is no number`},

		{"auto/4", "CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=5", "CircleCI: there are 5 jobs, not 4"},
		{"auto", "CIRCLE_NODE_INDEX=5 CIRCLE_NODE_TOTAL=5", "CIRCLE_NODE_INDEX is 5, of 5 jobs"},
		{"auto", "CI_NODE_INDEX=0 CI_NODE_TOTAL=5", "CI_NODE_INDEX is 0, of 5 jobs"},
		{"auto", "CIRCLE_NODE_INDEX=x CIRCLE_NODE_TOTAL=5", `CIRCLE_NODE_INDEX is "x", which is no number`},
		{"auto", "CI_NODE_INDEX=1 CI_NODE_TOTAL=2 TEST_SHARD_INDEX=0 TEST_TOTAL_SHARDS=2", "GitLab 1/2"},
		{"auto", "CI_NODE_INDEX=1 CI_NODE_TOTAL=2 TEST_SHARD_INDEX=1 TEST_TOTAL_SHARDS=2", "GitLab says 1/2, and Bazel 2/2; give i/n"},
		{"auto", "CI_NODE_INDEX=1 CI_NODE_TOTAL=2 TEST_SHARD_INDEX=0 TEST_TOTAL_SHARDS=3", "GitLab says 1/2, and Bazel 1/3; give i/n"},
		{"auto", "CI_NODE_INDEX=1 CI_NODE_TOTAL=2 JOB_COMPLETION_INDEX=1", "GitLab 1/2"}, // as each job of it runs in a pod
		{"auto/2", "CI_NODE_INDEX=1 CI_NODE_TOTAL=2 JOB_COMPLETION_INDEX=1", "GitLab says 1/2, and Kubernetes 2/2; give i/n"},
	} {
		env := make(map[string]string)
		for _, word := range strings.Fields(tt.env) {
			name, value, _ := strings.Cut(word, "=")
			env[name] = value
		}
		p, err := Parse(tt.value)
		if err == nil {
			p, err = p.Find(func(name string) string { return env[name] })
		}
		got := strings.TrimSpace(p.From + " " + p.String())
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
			t.Errorf("%q with %s: %s, want %s", tt.value, tt.env, got, tt.want)
		}
	}
}
