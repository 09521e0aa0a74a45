package proxy

import (
	"context"
	"log/slog"
	"strings"

	"google.golang.org/grpc/metadata"
)

// traceAttrs returns log attributes with the trace of a call: trace_id, and span_id,
// which is the caller's span, since the proxy makes none. It returns none unless there is
// exactly one valid traceparent: an invalid value could be anything, and is not repeated.
func traceAttrs(ctx context.Context) []slog.Attr {
	values := metadata.ValueFromIncomingContext(ctx, "traceparent")
	if len(values) != 1 {
		return nil
	}
	trace, span, ok := parseTraceParent(values[0])
	if !ok {
		return nil
	}
	return []slog.Attr{slog.String("trace_id", trace), slog.String("span_id", span)}
}

// parseTraceParent extracts the trace ID and the parent ID from a traceparent (W3C Trace
// Context section 3.2), of version 00 or a later one, which may have more at its end.
func parseTraceParent(text string) (trace, span string, ok bool) {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(text) < length || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return "", "", false
	}
	version, rest := text[:2], text[length:]
	trace, span = text[3:35], text[36:52]
	switch {
	case !isHex(version), !isHex(trace), !isHex(span), !isHex(text[53:length]),
		version == "ff",
		version == "00" && rest != "",
		rest != "" && rest[0] != '-',
		strings.Trim(trace, "0") == "", strings.Trim(span, "0") == "":
		return "", "", false
	}
	return trace, span, true
}

// isHex reports whether text is lower-case hexadecimal.
func isHex(text string) bool { return strings.Trim(text, "0123456789abcdef") == "" }
