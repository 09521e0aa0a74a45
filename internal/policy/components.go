package policy

// split returns the strongly connected components among nodes that hold a
// cycle (Tarjan, 1972; with a stack of its own). It makes nodes a group.
func (g *walkGraph) split(nodes []int) [][]int {
	g.regroup(nodes)
	for _, v := range nodes {
		g.index[v] = 0
	}
	t := tarjan{walkGraph: g}
	for _, v := range nodes {
		if g.index[v] == 0 {
			t.visit(v)
		}
	}
	return t.components
}

type tarjan struct {
	*walkGraph
	visited    int
	stack      []int // nodes whose component is not known yet
	calls      []tarjanCall
	components [][]int
}

// tarjanCall is a node whose edges are being followed, and the next of them.
type tarjanCall struct{ node, next int }

func (t *tarjan) visit(root int) {
	t.enter(root)
	for len(t.calls) > 0 {
		call := &t.calls[len(t.calls)-1]
		v := call.node
		if call.next == len(t.out[v]) {
			t.leave(v)
			continue
		}
		e := t.out[v][call.next]
		call.next++
		switch {
		case !t.inside(v, e):
		case t.index[e.to] == 0:
			t.enter(e.to)
		case t.onStack[e.to]:
			t.low[v] = min(t.low[v], t.index[e.to])
		}
	}
}

func (t *tarjan) enter(v int) {
	t.visited++
	t.index[v], t.low[v], t.onStack[v] = t.visited, t.visited, true
	t.stack = append(t.stack, v)
	t.calls = append(t.calls, tarjanCall{v, 0})
}

// leave takes the component off the stack that v is the root of, if it is one.
func (t *tarjan) leave(v int) {
	t.calls = t.calls[:len(t.calls)-1]
	if len(t.calls) > 0 {
		caller := t.calls[len(t.calls)-1].node
		t.low[caller] = min(t.low[caller], t.low[v])
	}
	if t.low[v] != t.index[v] {
		return
	}
	at := len(t.stack) - 1
	for t.stack[at] != v {
		at--
	}
	component := append([]int(nil), t.stack[at:]...)
	t.stack = t.stack[:at]
	for _, w := range component {
		t.onStack[w] = false
	}
	if len(component) > 1 || t.loops(v) {
		t.components = append(t.components, component)
	}
}

func (t *tarjan) loops(v int) bool {
	for _, e := range t.out[v] {
		if e.to == v {
			return true
		}
	}
	return false
}
