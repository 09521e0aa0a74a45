package proxy

import "time"

// HoldFor makes p hold refusals for about late.
func (p *Proxy) HoldFor(late time.Duration) { p.holder.late = late }
