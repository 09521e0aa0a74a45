package gateway

import "github.com/jwtctl/jwtctl/internal/proxy"

func (o *servingFlags) limits() proxy.Limits {
	return proxy.Limits{MessageBytes: o.maxMessage, MetadataBytes: uint32(o.maxMetadata), Streams: uint32(o.maxStreams)}
}

// spareGarbage returns how much garbage may accumulate. limit is the container's memory
// limit, 0 for none.
func spareGarbage(limit uint64) uint64 {
	if limit == 0 {
		return proxy.SpareGarbage
	}
	return min(proxy.SpareGarbage, limit/4)
}
