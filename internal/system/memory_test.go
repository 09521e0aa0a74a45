package system

import (
	"testing"
	"testing/fstest"
)

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	const v2, v1 = "memory.max", "memory/memory.limit_in_bytes"
	tests := map[string]struct {
		files map[string]string
		want  uint64
	}{
		"no control groups":    {nil, 0},
		"version 2":            {map[string]string{v2: "134217728\n"}, 128 << 20},
		"version 2, no limit":  {map[string]string{v2: "max\n"}, 0},
		"version 1":            {map[string]string{v1: "268435456\n"}, 256 << 20},
		"version 1, no limit":  {map[string]string{v1: "9223372036854771712\n"}, 0},
		"both":                 {map[string]string{v2: "max\n", v1: "268435456\n"}, 0},
		"limit above the need": {map[string]string{v2: "4294967296\n"}, 4 << 30},
		"not a number":         {map[string]string{v2: "-1\n"}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := fstest.MapFS{}
			for file, text := range tt.files {
				root[file] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := memoryLimit(root); got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}
